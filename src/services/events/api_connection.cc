// SPDX-License-Identifier: Apache-2.0
// Connections and API destinations.
#include "services/events/api.h"

namespace suiro::events {

namespace shape = shapes::events;
namespace op = shapes::events::op;

namespace {

constexpr std::pair<AuthorizationType, std::string_view> kTypes[] = {
    {AuthorizationType::kBasic, "BASIC"},
    {AuthorizationType::kOAuthClientCredentials, "OAUTH_CLIENT_CREDENTIALS"},
    {AuthorizationType::kApiKey, "API_KEY"},
};

constexpr std::pair<ConnectionState, std::string_view> kStates[] = {
    {ConnectionState::kAuthorizing, "AUTHORIZING"},
    {ConnectionState::kAuthorized, "AUTHORIZED"},
    {ConnectionState::kDeauthorized, "DEAUTHORIZED"},
};

template <class Table, class Value>
std::string text_of(const Table& table, Value value) {
  return std::string(std::ranges::find(table, value, [](auto& row) { return row.first; })->second);
}

// The model's validation lets no other text through.
AuthorizationType type_of(const std::string& text) {
  return std::ranges::find(kTypes, text, [](auto& row) { return row.second; })->first;
}

std::unexpected<Error> unfit(std::string_view reason) {
  return invalid(fmt::format("Parameter AuthParameters is not valid. Reason: {}", reason));
}

// --- parameters in
// --------------------------------------------------------------------------------

template <class Shape>
std::vector<HttpParameter> list_of(const std::optional<std::vector<Shape>>& given) {
  std::vector<HttpParameter> out;
  if (!given) return out;
  for (const Shape& each : *given) {
    out.push_back(
        {each.key.value_or(""), each.value.value_or(""), each.is_value_secret.value_or(false)});
  }
  return out;
}

HttpParameters parameters_of(const shape::ConnectionHttpParameters& given) {
  return {.headers = list_of(given.header_parameters),
          .query = list_of(given.query_string_parameters),
          .body = list_of(given.body_parameters)};
}

// Members are optional where a connection is updated.
void take(std::string& to, const std::string& value) {
  to = value;
}
void take(std::string& to, const std::optional<std::string>& value) {
  if (value) to = *value;
}

template <class Shape>
void read_client(const Shape& client, Authorization& to) {
  take(to.name, client.client_id);
  take(to.secret, client.client_secret);
}
template <class Shape>
void read_client(const std::optional<Shape>& client, Authorization& to) {
  if (client) read_client(*client, to);
}

// `in`: of CreateConnection or UpdateConnection.
template <class Shape>
Result<void> read_authorization(const Shape& in, Authorization& to) {
  struct Given {
    AuthorizationType type;
    std::string_view name;
    bool is_there;
  };
  const Given given[] = {
      {AuthorizationType::kBasic, "BasicAuthParameters", in.basic_auth_parameters.has_value()},
      {AuthorizationType::kOAuthClientCredentials, "OAuthParameters",
       in.o_auth_parameters.has_value()},
      {AuthorizationType::kApiKey, "ApiKeyAuthParameters", in.api_key_auth_parameters.has_value()}};
  for (const Given& each : given) {
    if (!each.is_there || each.type == to.type) continue;
    return unfit(fmt::format("{} do not fit the authorization type {}.", each.name,
                             text_of(kTypes, to.type)));
  }
  if (in.basic_auth_parameters) {
    take(to.name, in.basic_auth_parameters->username);
    take(to.secret, in.basic_auth_parameters->password);
  }
  if (in.api_key_auth_parameters) {
    take(to.name, in.api_key_auth_parameters->api_key_name);
    take(to.secret, in.api_key_auth_parameters->api_key_value);
  }
  if (in.o_auth_parameters) {
    const auto& oauth = *in.o_auth_parameters;
    read_client(oauth.client_parameters, to);
    take(to.endpoint, oauth.authorization_endpoint);
    take(to.method, oauth.http_method);
    if (oauth.o_auth_http_parameters)
      to.token_request = parameters_of(*oauth.o_auth_http_parameters);
  }
  return ok();
}

Result<void> check_complete(const Authorization& authorization) {
  bool is_oauth = authorization.type == AuthorizationType::kOAuthClientCredentials;
  bool is_complete =
      !authorization.name.empty() && !authorization.secret.empty() &&
      (!is_oauth || (!authorization.endpoint.empty() && !authorization.method.empty()));
  if (is_complete) return ok();
  return unfit(fmt::format("the authorization type {} needs its parameters.",
                           text_of(kTypes, authorization.type)));
}

template <class Shape>
Result<void> read_parameters(const Shape& in, Connection& to) {
  TRY_VOID(read_authorization(in, to.authorization));
  if (in.invocation_http_parameters) to.invocation = parameters_of(*in.invocation_http_parameters);
  return check_complete(to.authorization);
}

// --- parameters out
// -------------------------------------------------------------------------------

template <class Shape>
std::optional<std::vector<Shape>> shown(const std::vector<HttpParameter>& list) {
  if (list.empty()) return std::nullopt;
  std::vector<Shape> out;
  for (const HttpParameter& each : list) {
    Shape& row = out.emplace_back();
    row.key = each.key;
    if (!each.is_secret) row.value = each.value;
    row.is_value_secret = each.is_secret;
  }
  return out;
}

std::optional<shape::ConnectionHttpParameters> shown(const HttpParameters& parameters) {
  shape::ConnectionHttpParameters out;
  out.header_parameters = shown<shape::ConnectionHeaderParameter>(parameters.headers);
  out.query_string_parameters = shown<shape::ConnectionQueryStringParameter>(parameters.query);
  out.body_parameters = shown<shape::ConnectionBodyParameter>(parameters.body);
  if (!out.header_parameters && !out.query_string_parameters && !out.body_parameters) {
    return std::nullopt;
  }
  return out;
}

shape::ConnectionAuthResponseParameters shown(const Connection& connection) {
  shape::ConnectionAuthResponseParameters out;
  out.invocation_http_parameters = shown(connection.invocation);
  const Authorization& authorization = connection.authorization;
  if (authorization.name.empty()) return out;  // deauthorized
  switch (authorization.type) {
    case AuthorizationType::kBasic:
      out.basic_auth_parameters.emplace().username = authorization.name;
      break;
    case AuthorizationType::kApiKey:
      out.api_key_auth_parameters.emplace().api_key_name = authorization.name;
      break;
    case AuthorizationType::kOAuthClientCredentials: {
      auto& oauth = out.o_auth_parameters.emplace();
      oauth.client_parameters.emplace().client_id = authorization.name;
      oauth.authorization_endpoint = authorization.endpoint;
      oauth.http_method = authorization.method;
      oauth.o_auth_http_parameters = shown(authorization.token_request);
    }
  }
  return out;
}

// The members that all answers about connections share.
template <class Shape>
void tell(Shape& out, std::string arn, const Connection& connection) {
  out.connection_arn = std::move(arn);
  out.connection_state = text_of(kStates, connection.state);
  out.creation_time = connection.created;
  out.last_modified_time = connection.modified;
  if constexpr (requires { out.last_authorized_time; }) {
    if (connection.authorized != TimePoint{}) out.last_authorized_time = connection.authorized;
  }
}

template <class Shape>
void tell(Shape& out, std::string arn, const ApiDestination& destination, bool is_active) {
  out.api_destination_arn = std::move(arn);
  out.api_destination_state = is_active ? "ACTIVE" : "INACTIVE";
  out.creation_time = destination.created;
  out.last_modified_time = destination.modified;
}

// The members that DescribeApiDestination and ListApiDestinations share besides.
template <class Shape>
void describe(Shape& out, const Found<ApiDestination>& found) {
  out.name = found.name;
  out.connection_arn = found.record.connection_arn;
  out.invocation_endpoint = found.record.endpoint;
  out.http_method = found.record.method;
  out.invocation_rate_limit_per_second = found.record.per_second_max;
}

size_t limit_of(const std::optional<int32_t>& limit) {
  return static_cast<size_t>(limit.value_or(kPageMax));
}

}  // namespace

struct Api::Http {
  template <class Op>
  using Answer = Task<Result<typename Op::Output>>;

  static Answer<op::CreateConnection> run(Api& api, shapes::Call&,
                                          shape::CreateConnectionRequest in) {
    auto edit = [&](Connection& connection) -> Result<void> {
      connection.description = in.description.value_or("");
      connection.authorization.type = type_of(in.authorization_type);
      return read_parameters(in.auth_parameters, connection);
    };
    CO_TRY(Found<Connection> made, co_await api.connections_.create(in.name, edit));
    shape::CreateConnectionResponse out;
    tell(out, api.connections_.arn(made), made.record);
    co_return out;
  }

  static Answer<op::UpdateConnection> run(Api& api, shapes::Call&,
                                          shape::UpdateConnectionRequest in) {
    auto edit = [&](Connection& connection) -> Result<void> {
      if (in.description) connection.description = *in.description;
      AuthorizationType type =
          in.authorization_type ? type_of(*in.authorization_type) : connection.authorization.type;
      // Parameters of another type do not fit it.
      if (type != connection.authorization.type) connection.authorization = {.type = type};
      if (in.auth_parameters) return read_parameters(*in.auth_parameters, connection);
      return check_complete(connection.authorization);
    };
    CO_TRY(Found<Connection> made, co_await api.connections_.update(in.name, edit));
    shape::UpdateConnectionResponse out;
    tell(out, api.connections_.arn(made), made.record);
    co_return out;
  }

  static Answer<op::DeleteConnection> run(Api& api, shapes::Call&,
                                          shape::DeleteConnectionRequest in) {
    CO_TRY(Found<Connection> gone, co_await api.connections_.remove(std::move(in.name)));
    shape::DeleteConnectionResponse out;
    tell(out, api.connections_.arn(gone), gone.record);
    out.connection_state = "DELETING";
    co_return out;
  }

  static Answer<op::DeauthorizeConnection> run(Api& api, shapes::Call&,
                                               shape::DeauthorizeConnectionRequest in) {
    CO_TRY(Found<Connection> found, co_await api.connections_.deauthorize(std::move(in.name)));
    shape::DeauthorizeConnectionResponse out;
    tell(out, api.connections_.arn(found), found.record);
    co_return out;
  }

  static Answer<op::DescribeConnection> run(Api& api, shapes::Call&,
                                            shape::DescribeConnectionRequest in) {
    CO_TRY(Found<Connection> found, co_await api.connections_.connection(std::move(in.name)));
    shape::DescribeConnectionResponse out;
    tell(out, api.connections_.arn(found), found.record);
    out.name = found.name;
    out.description = some(found.record.description);
    out.state_reason = some(found.record.state_reason);
    out.authorization_type = text_of(kTypes, found.record.authorization.type);
    out.auth_parameters = shown(found.record);
    co_return out;
  }

  static Answer<op::ListConnections> run(Api& api, shapes::Call&,
                                         shape::ListConnectionsRequest in) {
    CO_TRY(std::string after, after_of(in.next_token));
    CO_TRY(auto page, co_await api.connections_.connections(
                          {in.name_prefix.value_or(""), std::move(after), limit_of(in.limit)}));
    shape::ListConnectionsResponse out;
    out.connections.emplace();
    if (!page.rows.empty()) out.next_token = token_of(page.more, page.rows.back().name);
    for (const Found<Connection>& found : page.rows) {
      std::string state = text_of(kStates, found.record.state);
      if (in.connection_state && *in.connection_state != state) continue;
      shape::Connection& row = out.connections->emplace_back();
      tell(row, api.connections_.arn(found), found.record);
      row.name = found.name;
      row.state_reason = some(found.record.state_reason);
      row.authorization_type = text_of(kTypes, found.record.authorization.type);
    }
    co_return out;
  }

  static Answer<op::CreateApiDestination> run(Api& api, shapes::Call&,
                                              shape::CreateApiDestinationRequest in) {
    auto edit = [&](ApiDestination& destination) {
      destination.description = in.description.value_or("");
      destination.connection_arn = in.connection_arn;
      destination.endpoint = in.invocation_endpoint;
      destination.method = in.http_method;
      destination.per_second_max =
          in.invocation_rate_limit_per_second.value_or(kInvocationsPerSecondDefault);
    };
    CO_TRY(Found<ApiDestination> made, co_await api.destinations_.create(in.name, edit));
    CO_TRY(bool is_active, co_await api.destinations_.is_active(made.record));
    shape::CreateApiDestinationResponse out;
    tell(out, api.destinations_.arn(made), made.record, is_active);
    co_return out;
  }

  static Answer<op::UpdateApiDestination> run(Api& api, shapes::Call&,
                                              shape::UpdateApiDestinationRequest in) {
    auto edit = [&](ApiDestination& destination) {
      if (in.description) destination.description = *in.description;
      if (in.connection_arn) destination.connection_arn = *in.connection_arn;
      if (in.invocation_endpoint) destination.endpoint = *in.invocation_endpoint;
      if (in.http_method) destination.method = *in.http_method;
      if (in.invocation_rate_limit_per_second) {
        destination.per_second_max = *in.invocation_rate_limit_per_second;
      }
    };
    CO_TRY(Found<ApiDestination> made, co_await api.destinations_.update(in.name, edit));
    CO_TRY(bool is_active, co_await api.destinations_.is_active(made.record));
    shape::UpdateApiDestinationResponse out;
    tell(out, api.destinations_.arn(made), made.record, is_active);
    co_return out;
  }

  static Answer<op::DeleteApiDestination> run(Api& api, shapes::Call&,
                                              shape::DeleteApiDestinationRequest in) {
    CO_TRY_VOID(co_await api.destinations_.remove(std::move(in.name)));
    co_return shape::DeleteApiDestinationResponse{};
  }

  static Answer<op::DescribeApiDestination> run(Api& api, shapes::Call&,
                                                shape::DescribeApiDestinationRequest in) {
    CO_TRY(Found<ApiDestination> found, co_await api.destinations_.destination(std::move(in.name)));
    CO_TRY(bool is_active, co_await api.destinations_.is_active(found.record));
    shape::DescribeApiDestinationResponse out;
    tell(out, api.destinations_.arn(found), found.record, is_active);
    describe(out, found);
    out.description = some(found.record.description);
    co_return out;
  }

  static Answer<op::ListApiDestinations> run(Api& api, shapes::Call&,
                                             shape::ListApiDestinationsRequest in) {
    CO_TRY(std::string after, after_of(in.next_token));
    CO_TRY(auto page, co_await api.destinations_.destinations(
                          {in.name_prefix.value_or(""), std::move(after), limit_of(in.limit)}));
    shape::ListApiDestinationsResponse out;
    out.api_destinations.emplace();
    if (!page.rows.empty()) out.next_token = token_of(page.more, page.rows.back().name);
    for (const Found<ApiDestination>& found : page.rows) {
      if (in.connection_arn && *in.connection_arn != found.record.connection_arn) continue;
      CO_TRY(bool is_active, co_await api.destinations_.is_active(found.record));
      shape::ApiDestination& row = out.api_destinations->emplace_back();
      tell(row, api.destinations_.arn(found), found.record, is_active);
      describe(row, found);
    }
    co_return out;
  }
};

void Api::add_http(shapes::Registry& registry) {
  add<Http, op::CreateConnection>(registry);
  add<Http, op::UpdateConnection>(registry);
  add<Http, op::DeleteConnection>(registry);
  add<Http, op::DeauthorizeConnection>(registry);
  add<Http, op::DescribeConnection>(registry);
  add<Http, op::ListConnections>(registry);
  add<Http, op::CreateApiDestination>(registry);
  add<Http, op::UpdateApiDestination>(registry);
  add<Http, op::DeleteApiDestination>(registry);
  add<Http, op::DescribeApiDestination>(registry);
  add<Http, op::ListApiDestinations>(registry);
}

}  // namespace suiro::events
