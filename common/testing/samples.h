#ifndef PLAYLOG_COMMON_TESTING_SAMPLES_H_
#define PLAYLOG_COMMON_TESTING_SAMPLES_H_

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace playlog::testing {

// A recorded answer of a real service.
struct Sample {
  std::string name;  // The file's, without its folder.
  std::string body;
};

// Where the recorded answers are: $PLAYLOG_SAMPLES, or the folder that the build was told.
inline std::filesystem::path SamplesDirectory() {
  const char* directory = std::getenv("PLAYLOG_SAMPLES");
  return directory != nullptr ? directory : PLAYLOG_SAMPLES_DIRECTORY;
}

// Reads every recorded answer of a folder, by name; none if the folder is absent.
inline std::vector<Sample> ReadSamples(const std::string& folder) {
  std::vector<Sample> samples;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(SamplesDirectory() / folder, error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    samples.push_back(
        {entry.path().filename().string(), std::string(std::istreambuf_iterator<char>(file), {})});
  }
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return samples;
}

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_SAMPLES_H_
