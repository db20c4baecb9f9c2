// Owns what the three clients share: building frames of the wire protocol, dialling from many source addresses, time.
// Must not know: servers, what is measured.
// Invariant: a failed system call ends the program with exit code 1 and its reason on stderr.
#ifndef WIRE_H
#define WIRE_H
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PREFIX_BYTES = 6, ID_BYTES = 4, OVERHEAD_BYTES = 10, KIND_MESSAGE = 0, KIND_REQUEST = 1, KIND_RESPONSE = 2 };
enum { KIND_CONTROL = 7, OPCODE_PING = 0, OPCODE_PONG = 1, ROUTE_ECHO = 1 };

static inline _Noreturn void fail(const char *what) {
  if (errno != 0) fprintf(stderr, "%s: %s\n", what, strerror(errno));
  else fprintf(stderr, "%s\n", what);
  exit(1);
}

static inline double monotonic_seconds(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

// User and system time of this process so far.
static inline double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

// Bit by bit: frames are built before the clock runs.
static inline uint32_t crc32_of(const uint8_t *bytes, size_t count) {
  uint32_t crc = ~0u;
  for (size_t at = 0; at < count; at++) {
    crc ^= bytes[at];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

static inline void put_u32(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 24);
  at[1] = (uint8_t)(value >> 16);
  at[2] = (uint8_t)(value >> 8);
  at[3] = (uint8_t)value;
}

static inline uint32_t get_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

static inline size_t frame_bytes(int kind, size_t body) {
  int has_id = kind == KIND_REQUEST || kind == KIND_RESPONSE;
  return body + OVERHEAD_BYTES + (has_id ? (size_t)ID_BYTES : 0);
}

// Writes one frame; returns its length.
static inline size_t put_frame(uint8_t *at, int kind, int route, uint32_t id, const uint8_t *body, size_t body_bytes) {
  size_t total = frame_bytes(kind, body_bytes), payload = total - OVERHEAD_BYTES;
  at[0] = (uint8_t)(kind << 4 | route >> 8);
  at[1] = (uint8_t)route;
  put_u32(at + 2, (uint32_t)payload);
  if (payload != body_bytes) put_u32(at + PREFIX_BYTES, id);
  if (body_bytes > 0) memcpy(at + PREFIX_BYTES + payload - body_bytes, body, body_bytes);
  put_u32(at + PREFIX_BYTES + payload, crc32_of(at, PREFIX_BYTES + payload));
  return total;
}

static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static inline struct sockaddr_in address_of(const char *host, const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
  errno = 0;
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1) fail("expected an IPv4 address");
  return to;
}

// A non-blocking socket that has begun to connect. Number n leaves from 127.1.a.b, one of 1024 addresses, so that the
// ports of none run out, those that wait in TIME_WAIT included.
static inline int dial(const struct sockaddr_in *to, uint64_t n) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  if (fd < 0) fail("socket");
  uint32_t host = (127u << 24 | 1u << 16) + 1 + (uint32_t)(n & 1023);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
  // The port is picked when the other end is known, so one port serves many connections.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)&from, sizeof from) != 0) fail("bind");
  if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS) fail("connect");
  return fd;
}

static inline void watch(int epoll, int operation, int fd, uint32_t events, void *owner) {
  struct epoll_event event = {.events = events, .data.ptr = owner};
  if (epoll_ctl(epoll, operation, fd, &event) != 0) fail("epoll_ctl");
}
#endif
