// A closed loop of echoes: every connection keeps DEPTH frames in flight, and each byte of each answer is compared.
//   echo HOST PORT CONNECTIONS DEPTH BODY_BYTES WARMUP_S SECONDS message|request
// Prints one line of JSON: frames answered while measuring, the seconds it took, and this program's CPU seconds.
//
// Frames differ in body and, as REQUESTs, in id; they repeat after VARIANTS or DEPTH of them, whichever is more. What a
// connection sends and what it must get back are two endless cyclic streams that are built before the clock runs, so
// that checking is one memcmp and the load costs far less than the server.
#include "wire.h"

enum { VARIANTS = 64, READ_BYTES = 262144, EVENTS_MAX = 512 };

typedef struct {
  int fd;
  int is_blocked;    // A write found the socket full; it goes on at EPOLLOUT.
  uint64_t sent;     // Bytes of the cyclic stream written so far.
  uint64_t owed;     // Bytes that may be written: DEPTH frames, and one more for each answer.
  uint64_t received; // Bytes of answers.
} Connection;

static uint8_t *requests, *answers;
static size_t request_bytes, answer_bytes, cycle;

static void build_streams(int kind, size_t body_bytes, size_t depth) {
  int answer_kind = kind == KIND_REQUEST ? KIND_RESPONSE : kind;
  cycle = depth > VARIANTS ? depth : VARIANTS;
  request_bytes = frame_bytes(kind, body_bytes);
  answer_bytes = frame_bytes(answer_kind, body_bytes);
  requests = malloc(request_bytes * cycle);
  answers = malloc(answer_bytes * cycle);
  uint8_t *body = malloc(body_bytes + 1);
  if (requests == NULL || answers == NULL || body == NULL) fail("malloc");
  uint32_t state = 1;
  for (size_t i = 0; i < cycle; i++) {
    for (size_t at = 0; at < body_bytes; at++) body[at] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
    put_frame(requests + i * request_bytes, kind, ROUTE_ECHO, (uint32_t)i + 1, body, body_bytes);
    put_frame(answers + i * answer_bytes, answer_kind, ROUTE_ECHO, (uint32_t)i + 1, body, body_bytes);
  }
  free(body);
}

static void send_owed(int epoll, Connection *c) {
  size_t lap = request_bytes * cycle;
  while (c->sent < c->owed) {
    size_t at = c->sent % lap, left = c->owed - c->sent;
    ssize_t wrote = send(c->fd, requests + at, left < lap - at ? left : lap - at, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EAGAIN) break;
    if (wrote < 0) fail("send");
    c->sent += (uint64_t)wrote;
  }
  int is_blocked = c->sent < c->owed;
  if (is_blocked != c->is_blocked) watch(epoll, EPOLL_CTL_MOD, c->fd, EPOLLIN | (is_blocked ? EPOLLOUT : 0u), c);
  c->is_blocked = is_blocked;
}

// Returns how many frames were answered in full by this read.
static uint64_t receive(Connection *c, uint8_t *memory) {
  ssize_t got = recv(c->fd, memory, READ_BYTES, 0);
  if (got < 0 && errno == EAGAIN) return 0;
  if (got < 0) fail("recv");
  errno = 0;
  if (got == 0) fail("the server closed a connection");
  uint64_t before = c->received / answer_bytes;
  size_t lap = answer_bytes * cycle;
  for (size_t at = 0; at < (size_t)got;) {
    size_t from = c->received % lap, run = (size_t)got - at;
    if (run > lap - from) run = lap - from;
    if (memcmp(memory + at, answers + from, run) != 0) fail("an answer is not the echo of what was sent");
    c->received += run;
    at += run;
  }
  return c->received / answer_bytes - before;
}

int main(int argc, char **argv) {
  if (argc != 9) {
    fprintf(stderr, "usage: echo HOST PORT CONNECTIONS DEPTH BODY_BYTES WARMUP_S SECONDS message|request\n");
    return 2;
  }
  struct sockaddr_in to = address_of(argv[1], argv[2]);
  size_t count = (size_t)atoi(argv[3]), depth = (size_t)atoi(argv[4]);
  double warm_up = atof(argv[6]), seconds = atof(argv[7]);
  raise_descriptor_limit();
  build_streams(strcmp(argv[8], "request") == 0 ? KIND_REQUEST : KIND_MESSAGE, (size_t)atoi(argv[5]), depth);
  Connection *connections = calloc(count, sizeof *connections);
  uint8_t *memory = malloc(READ_BYTES);
  int epoll = epoll_create1(0);
  if (connections == NULL || memory == NULL || epoll < 0) fail("setup");
  for (size_t i = 0; i < count; i++) {
    connections[i].fd = dial(&to, i);
    connections[i].owed = request_bytes * depth;
    connections[i].is_blocked = 1;
    watch(epoll, EPOLL_CTL_ADD, connections[i].fd, EPOLLIN | EPOLLOUT, &connections[i]);
  }

  struct epoll_event events[EVENTS_MAX];
  uint64_t frames = 0;
  double measured_from = monotonic_seconds() + warm_up, started = 0, cpu = 0;
  for (;;) {
    double now = monotonic_seconds();
    if (started == 0 && now >= measured_from) {
      started = now;
      cpu = cpu_seconds();
      frames = 0;
    }
    if (started != 0 && now >= started + seconds) {
      printf("{\"frames\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", (unsigned long long)frames, now - started,
             cpu_seconds() - cpu);
      return 0;
    }
    int ready = epoll_wait(epoll, events, EVENTS_MAX, 10);
    for (int i = 0; i < ready; i++) {
      Connection *c = events[i].data.ptr;
      if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        uint64_t answered = receive(c, memory);
        frames += answered;
        c->owed += answered * request_bytes;
      }
      if (c->sent < c->owed) send_owed(epoll, c);
    }
  }
}
