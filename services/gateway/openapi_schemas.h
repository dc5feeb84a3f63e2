#ifndef PLAYLOG_SERVICES_GATEWAY_OPENAPI_SCHEMAS_H_
#define PLAYLOG_SERVICES_GATEWAY_OPENAPI_SCHEMAS_H_

#include <google/protobuf/descriptor.h>

#include <boost/json/object.hpp>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace playlog::gateway {

// The comment before an element, its lines joined; a blank line stays a blank line.
template <class Element>
std::string CommentOf(const Element& element);

// What a field's comment says: `REQUIRED.` and `INPUT_ONLY.` at its start are marks, not text.
struct FieldComment {
  bool is_required = false;
  bool is_input_only = false;
  std::string text;
};
FieldComment ReadFieldComment(const google::protobuf::FieldDescriptor& field);

// Makes the JSON Schemas of messages and enums and collects them under `components`. Descriptors
// must come from a pool that has kept the comments.
class OpenApiSchemas {
 public:
  // What clients send is described strictly, what they get completely.
  enum class Direction { kRequest, kResponse };
  using Fields = std::set<const google::protobuf::FieldDescriptor*>;

  // A reference to the schema of a message, which is made at its first use. `hidden` are fields of
  // a request that do not stand in its body.
  boost::json::object Message(const google::protobuf::Descriptor& type, Direction direction,
                              const Fields& hidden = {});

  // The schema of a parameter in the query or the path.
  boost::json::object Parameter(const google::protobuf::FieldDescriptor& field);

  // All schemas that were made, by their names.
  boost::json::object Take() { return std::move(schemas_); }

 private:
  std::string NameOf(const std::string& short_name, const std::string& full_name);
  boost::json::object Enum(const google::protobuf::EnumDescriptor& type);
  boost::json::object Value(const google::protobuf::FieldDescriptor& field, Direction direction);
  boost::json::object Field(const google::protobuf::FieldDescriptor& field, Direction direction);

  boost::json::object schemas_;
  std::map<std::string, std::string> owners_;  // Which type has a name.
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_OPENAPI_SCHEMAS_H_
