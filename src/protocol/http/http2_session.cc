// SPDX-License-Identifier: Apache-2.0
#include "protocol/http/http2_session.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/log.h"
#include "protocol/http/parser.h"

namespace suiro::http {
namespace {

Http2Session& session_of(void* user) {
  return *static_cast<Http2Session*>(user);
}

std::string_view text_of(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

struct Http2Session::Callbacks {
  static Http2Stream* find(Http2Session& self, int32_t id) {
    auto found = self.streams_.find(id);
    return found == self.streams_.end() ? nullptr : found->second.get();
  }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& self = session_of(user);
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    int32_t id = frame->hd.stream_id;
    self.streams_.emplace(id, std::make_shared<Http2Stream>(id, self.transport_.executor()));
    return 0;
  }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                    void* user) {
    Http2Session& self = session_of(user);
    Http2Stream* stream = find(self, frame->hd.stream_id);
    // Trailers are dropped, as those of HTTP/1.1 are.
    if (stream && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      self.on_header(*stream, text_of(name, name_size), text_of(value, value_size));
    return 0;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Session& self = session_of(user);
    auto found = self.streams_.find(frame->hd.stream_id);
    if (found == self.streams_.end()) return 0;
    std::shared_ptr<Http2Stream> stream = found->second;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    using Input = Http2Stream::InputState;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      self.on_request(stream, end ? Input::kEnded : Input::kOpen);
    else if (end && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
      self.on_input_end(stream);
    return 0;
  }

  static int data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                  void* user) {
    Http2Session& self = session_of(user);
    Http2Stream* stream = find(self, id);
    if (!stream) {
      nghttp2_session_consume(session, id, size);
      return 0;
    }
    stream->input.append(text_of(bytes, size));
    stream->input_bytes += size;
    stream->changed.notify_all();
    return 0;
  }

  static int sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    Http2Stream* stream = find(session_of(user), frame->hd.stream_id);
    bool ends = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (!stream || !ends) return 0;
    stream->sent_end = true;
    stream->changed.notify_all();
    if (stream->refused && stream->input_state == Http2Stream::InputState::kOpen)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    return 0;
  }

  static int closed(nghttp2_session*, int32_t id, uint32_t, void* user) {
    session_of(user).on_close(id);
    return 0;
  }

  static ssize_t read_output(nghttp2_session*, int32_t, uint8_t* to, size_t size, uint32_t* flags,
                             nghttp2_data_source* source, void*) {
    Http2Stream& stream = *static_cast<Http2Stream*>(source->ptr);
    if (stream.output_state == Http2Stream::OutputState::kBroken)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t taken = std::min(size, stream.output.size() - stream.output_at);
    std::memcpy(to, stream.output.data() + stream.output_at, taken);
    stream.output_at += taken;
    stream.output_moved = stream.output_moved || taken > 0;
    if (stream.output_at == stream.output.size()) {
      stream.output.clear();
      stream.output_at = 0;
      stream.changed.notify_all();
      if (stream.output_state == Http2Stream::OutputState::kEnded) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
      } else if (taken == 0) {
        stream.deferred = true;
        return NGHTTP2_ERR_DEFERRED;
      }
    }
    return static_cast<ssize_t>(taken);
  }
};

nghttp2_data_source_read_callback Http2Session::output_reader() {
  return Callbacks::read_output;
}

Http2Session::Http2Session(Parts parts)
    : context_(parts.context),
      transport_(parts.transport),
      listener_(std::move(parts.listener)),
      peer_(std::move(parts.peer)),
      wanted_(transport_.executor()),
      ended_(transport_.executor()) {}

Http2Session::~Http2Session() {
  nghttp2_session_del(session_);
}

bool Http2Session::open_session() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_option* option = nullptr;
  CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0,
        "no memory for a session");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::closed);
  nghttp2_option_set_no_auto_window_update(option, 1);
  int made = nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) return false;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kHttp2StreamsMax},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2StreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderBytesMax},
  };
  return nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)) == 0 &&
         nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                               kHttp2ConnectionWindow) == 0;
}

Task<void> Http2Session::run(Bytes begun) {
  CHECK(open_session(), "nghttp2 has no memory for a session");
  ++coroutines_;
  context_.scope.spawn([](std::shared_ptr<Http2Session> self) -> Task<void> {
    co_await self->write_loop();
    --self->coroutines_;
    self->ended_.notify_all();
  }(shared_from_this()));
  if (context_.scope.closing()) --coroutines_;
  if (draining_) begin_shutdown();
  bool good = feed(begun);
  auto buffer = std::make_unique_for_overwrite<char[]>(kChunkedInputBytes);
  while (good && !closed_) {
    arm_read_deadline();
    ErrorCode ec;
    size_t got = co_await transport_.read_some(buffer.get(), kChunkedInputBytes, ec);
    read_deadline_ = Micros{0};
    if (ec) break;
    good = feed({buffer.get(), got});
  }
  closed_ = true;
  for (auto& [id, stream] : std::exchange(streams_, {})) {
    stream->closed = true;
    stream->cancellation->cancel();
    stream->changed.notify_all();
  }
  wake_writer();
  while (coroutines_ > 0) co_await ended_.wait();
}

bool Http2Session::feed(ByteView bytes) {
  auto used = nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                                       bytes.size());
  wake_writer();
  return used >= 0 && static_cast<size_t>(used) == bytes.size();
}

// Everything that nghttp2 wants to send, up to a piece.
void Http2Session::collect_output() {
  output_.clear();
  while (output_.size() < kPieceBytes) {
    const uint8_t* bytes = nullptr;
    ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size <= 0) break;
    output_.append(text_of(bytes, static_cast<size_t>(size)));
  }
}

Task<void> Http2Session::write_loop() {
  while (!closed_) {
    collect_output();
    if (output_.empty()) {
      bool over = (draining_ && streams_.empty()) || (nghttp2_session_want_read(session_) == 0 &&
                                                      nghttp2_session_want_write(session_) == 0);
      if (over) break;
      co_await wanted_.wait();
      continue;
    }
    write_deadline_ = deadline_after(context_.settings.write_timeout);
    ErrorCode ec = co_await transport_.write(output_, {});
    write_deadline_ = Micros{0};
    if (ec) break;
  }
  closed_ = true;
  transport_.close();  // ends the read
}

Micros Http2Session::deadline_after(Millis timeout) const {
  return context_.clock.steady() + std::chrono::duration_cast<Micros>(timeout);
}

// Idle connections and clients that stop in the middle of a body are closed; a client that waits
// for an answer is not.
void Http2Session::arm_read_deadline() {
  if (streams_.empty()) {
    read_deadline_ = deadline_after(context_.settings.keep_alive_timeout);
    return;
  }
  bool awaited = std::ranges::any_of(streams_, [](const auto& entry) {
    const Http2Stream& stream = *entry.second;
    // A full window is ours to open.
    return stream.input_state == Http2Stream::InputState::kOpen && stream.input.empty();
  });
  if (awaited) read_deadline_ = deadline_after(context_.settings.body_idle_timeout);
}

void Http2Session::sweep(Micros now) {
  // What the read waits for may have changed since it began.
  if (read_deadline_ == Micros{0} && !closed_) arm_read_deadline();
  bool late = (read_deadline_ != Micros{0} && now >= read_deadline_) ||
              (write_deadline_ != Micros{0} && now >= write_deadline_);
  if (late) return abort();
  for (auto& [id, stream] : streams_) sweep_output(*stream, now);
}

// A client that takes nothing of an answer, by its windows, loses the stream.
void Http2Session::sweep_output(Http2Stream& stream, Micros now) {
  if (stream.output.empty()) {
    stream.output_since = Micros{0};
  } else if (std::exchange(stream.output_moved, false) || stream.output_since == Micros{0}) {
    stream.output_since = now;
  } else if (now - stream.output_since >= context_.settings.write_timeout) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL);
    wake_writer();
  }
}

void Http2Session::begin_shutdown() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void Http2Session::drain() {
  if (std::exchange(draining_, true) || closed_ || !session_) return;
  begin_shutdown();
  for (auto& [id, stream] : streams_) stream->cancellation->cancel();
  wake_writer();
}

void Http2Session::abort() {
  closed_ = true;
  for (auto& [id, stream] : streams_) stream->cancellation->cancel();
  transport_.close();
  wake_writer();
}

}  // namespace suiro::http
