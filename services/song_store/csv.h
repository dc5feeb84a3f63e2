#ifndef PLAYLOG_SERVICES_SONG_STORE_CSV_H_
#define PLAYLOG_SERVICES_SONG_STORE_CSV_H_

#include <string>
#include <string_view>

#include "playlog/songs/v1/song_admin_service.pb.h"

namespace playlog::song_store {

// Songs as lines of CSV (RFC 4180: commas, CRLF, quotes around what needs them, doubled inside).

// The names of the columns.
std::string CsvHeader();

// Appends the line of a song.
void AppendCsv(const songs::v1::ListedSong& song, std::string& out);

// Appends a text as a cell. One that a spreadsheet would run as a formula gets an apostrophe before
// it, by which spreadsheets know a text.
void AppendCsvText(std::string_view text, std::string& out);

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_CSV_H_
