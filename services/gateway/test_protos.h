#ifndef PLAYLOG_SERVICES_GATEWAY_TEST_PROTOS_H_
#define PLAYLOG_SERVICES_GATEWAY_TEST_PROTOS_H_

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace playlog::gateway {

// Protos that are written in a test, beside those that are compiled in, so that the tests can show
// forms that the contract does not have (yet).
class TestProtos {
 public:
  // `body` follows the syntax, the package `playlog.test.v1` and the imports.
  explicit TestProtos(const std::string& body)
      : pool_(google::protobuf::DescriptorPool::generated_pool()), factory_(&pool_) {
    const std::string source =
        "syntax = \"proto3\"; package playlog.test.v1;"
        "import \"google/api/annotations.proto\";"
        "import \"google/protobuf/duration.proto\";"
        "import \"google/protobuf/timestamp.proto\";"
        "import \"playlog/options/v1/options.proto\";"
        "import \"playlog/revisions/v1/revision_service.proto\";"
        "import \"playlog/songs/v1/song.proto\";" +
        body;
    google::protobuf::io::ArrayInputStream stream(source.data(), static_cast<int>(source.size()));
    google::protobuf::io::Tokenizer tokenizer(&stream, nullptr);
    google::protobuf::FileDescriptorProto file;
    file.set_name("test.proto");
    if (!google::protobuf::compiler::Parser().Parse(&tokenizer, &file)) {
      throw std::invalid_argument("the test's proto does not parse");
    }
    file_ = pool_.BuildFile(file);
    if (file_ == nullptr) throw std::invalid_argument("the test's proto does not build");
  }

  const google::protobuf::Descriptor& Type(const std::string& name) const {
    return *file_->FindMessageTypeByName(name);
  }

  std::vector<const google::protobuf::ServiceDescriptor*> Services() const {
    std::vector<const google::protobuf::ServiceDescriptor*> services;
    for (int i = 0; i < file_->service_count(); ++i) services.push_back(file_->service(i));
    return services;
  }

  // A message from Protobuf's text format.
  std::unique_ptr<google::protobuf::Message> Make(const std::string& type,
                                                  const std::string& text = "") {
    std::unique_ptr<google::protobuf::Message> message(factory_.GetPrototype(&Type(type))->New());
    if (!google::protobuf::TextFormat::ParseFromString(text, message.get())) {
      throw std::invalid_argument("the test's message does not parse");
    }
    return message;
  }

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  const google::protobuf::FileDescriptor* file_ = nullptr;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_TEST_PROTOS_H_
