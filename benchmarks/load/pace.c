// Echoes at a fixed rate, whatever the server does, while others ask for digests as fast as they are answered.
//   pace HOST PORT CONNECTIONS RATE DIGESTS WARMUP_S SECONDS
// Prints one line of JSON: echoes answered, their latency in microseconds, digests answered, and seconds.
//
// RATE echoes a second in all, in turn over CONNECTIONS. DIGESTS requests of the digest route are in flight on one more
// connection, at all times; 0 is none. The program never sleeps: it wants a core of its own.
//
// Latency is what the server takes: from the call that sends an echo to the moment when the kernel has its answer, which
// it stamps on the server's core (SO_TIMESTAMPNS). Whatever keeps this program from its own core is in neither. Echoes
// are due by the clock, whatever has been answered, so that a server that stalls cannot slow down its own measurement.
// "seen" is the same as this program saw it, from when an echo was due to when it read the answer; "late" is what it
// was late itself to send.
#include "wire.h"

enum { ROUTE_DIGEST = 3, BODY_BYTES = 64, READ_BYTES = 65536, BUCKETS = 2000000 };

typedef struct {
  int fd;
  uint32_t next_id, answered_id; // Answers of one connection come in order.
  size_t held;
  uint8_t bytes[READ_BYTES];
} Connection;

// Of the request of an id, by connection and id modulo WINDOW.
typedef struct {
  double due, sent; // On the clock of kernel's stamps.
} Asked;
static Asked *asked;
enum { WINDOW = 65536 };

enum { SERVER, SEEN, LATE, HISTOGRAMS };
static uint32_t *histograms[HISTOGRAMS]; // By microsecond.
static uint64_t echoes, digests;
static int is_measured;

// The clock of the kernel's stamps.
static double stamp_seconds(void) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void count(int histogram, double seconds) {
  double us = seconds * 1e6;
  histograms[histogram][us < 0 ? 0 : us >= BUCKETS ? BUCKETS - 1 : (size_t)us]++;
}

static void send_all(int fd, const uint8_t *bytes, size_t count) {
  for (size_t at = 0; at < count;) {
    ssize_t wrote = send(fd, bytes + at, count - at, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EAGAIN) continue;
    if (wrote < 0) fail("send");
    at += (size_t)wrote;
  }
}

static void ask(Connection *c, int route) {
  uint8_t body[BODY_BYTES], frame[BODY_BYTES + OVERHEAD_BYTES + ID_BYTES];
  memset(body, (int)c->next_id, sizeof body);
  send_all(c->fd, frame, put_frame(frame, KIND_REQUEST, route, ++c->next_id, body, sizeof body));
}

static void connect_to(const struct sockaddr_in *to, Connection *c, uint64_t n) {
  c->fd = dial(to, n);
  struct timeval wait = {.tv_sec = 5};
  fd_set writable;
  FD_ZERO(&writable);
  FD_SET(c->fd, &writable);
  int failure = 0;
  socklen_t size = sizeof failure;
  if (select(c->fd + 1, NULL, &writable, NULL, &wait) != 1) fail("connect takes too long");
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) errno = failure, fail("connect");
  int on = 1;
  if (setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) fail("SO_TIMESTAMPNS");
}

// When the kernel had the last of the bytes that a read took; now where it does not say.
static double stamp_of(struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    struct timespec at;
    memcpy(&at, CMSG_DATA(c), sizeof at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
  }
  return stamp_seconds();
}

static double arrived, read_at; // Of the answers that the last read took.

// Calls for each whole frame; keeps the rest for the next read.
static void receive(Connection *c, void (*answer)(Connection *, const uint8_t *frame, size_t payload)) {
  struct iovec into = {.iov_base = c->bytes + c->held, .iov_len = sizeof c->bytes - c->held};
  char control[256];
  struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t got = recvmsg(c->fd, &message, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got < 0) fail("recv");
  errno = 0;
  if (got == 0) fail("the server closed a connection");
  arrived = stamp_of(&message);
  read_at = stamp_seconds();
  c->held += (size_t)got;
  size_t at = 0;
  while (c->held - at >= PREFIX_BYTES) {
    size_t payload = get_u32(c->bytes + at + 2);
    if (payload + OVERHEAD_BYTES > sizeof c->bytes) fail("an answer is too long");
    if (c->held - at < payload + OVERHEAD_BYTES) break;
    if (c->bytes[at] >> 4 == KIND_RESPONSE) answer(c, c->bytes + at, payload);
    else if (c->bytes[at] >> 4 != KIND_CONTROL) fail("an answer is an error");
    at += payload + OVERHEAD_BYTES;
  }
  memmove(c->bytes, c->bytes + at, c->held - at);
  c->held -= at;
}

static size_t turn;
static Connection *first;

static void echoed(Connection *c, const uint8_t *frame, size_t payload) {
  uint32_t id = get_u32(frame + PREFIX_BYTES);
  if (payload != BODY_BYTES + ID_BYTES || id != ++c->answered_id) fail("an answer is not the echo of what was sent");
  if (!is_measured) return;
  Asked of = asked[(size_t)(c - first) * WINDOW + id % WINDOW];
  count(SERVER, arrived - of.sent);
  count(SEEN, read_at - of.due);
  count(LATE, of.sent - of.due);
  echoes++;
}

static void digested(Connection *c, const uint8_t *frame, size_t payload) {
  (void)frame;
  if (payload != 32 + ID_BYTES) fail("an answer is not a digest");
  if (is_measured) digests++;
  ask(c, ROUTE_DIGEST);
}

static size_t percentile(int histogram, double part) {
  uint64_t wanted = (uint64_t)((double)echoes * part), seen = 0;
  for (size_t us = 0; us < BUCKETS; us++)
    if ((seen += histograms[histogram][us]) > wanted) return us;
  return BUCKETS;
}

static void print_percentiles(const char *name, int histogram) {
  printf("\"%s\":{\"p50\":%zu,\"p99\":%zu,\"p999\":%zu,\"max\":%zu},", name, percentile(histogram, 0.5),
         percentile(histogram, 0.99), percentile(histogram, 0.999), percentile(histogram, 1 - 1e-9));
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: pace HOST PORT CONNECTIONS RATE DIGESTS WARMUP_S SECONDS\n");
    return 2;
  }
  struct sockaddr_in to = address_of(argv[1], argv[2]);
  size_t connections = (size_t)atoi(argv[3]);
  double rate = atof(argv[4]), warm_up = atof(argv[6]), seconds = atof(argv[7]);
  int in_flight = atoi(argv[5]);
  raise_descriptor_limit();
  first = calloc(connections + 1, sizeof *first);
  asked = calloc(connections * WINDOW, sizeof *asked);
  for (int i = 0; i < HISTOGRAMS; i++)
    if ((histograms[i] = calloc(BUCKETS, sizeof **histograms)) == NULL) fail("setup");
  int epoll = epoll_create1(0);
  if (first == NULL || asked == NULL || epoll < 0) fail("setup");
  for (size_t i = 0; i <= connections; i++) {
    connect_to(&to, &first[i], i);
    watch(epoll, EPOLL_CTL_ADD, first[i].fd, EPOLLIN, &first[i]);
  }
  Connection *hasher = &first[connections];
  for (int i = 0; i < in_flight; i++) ask(hasher, ROUTE_DIGEST);

  double began = stamp_seconds(), next = began, measured_from = began + warm_up;
  struct epoll_event events[64];
  for (;;) {
    double now = stamp_seconds();
    if (now >= measured_from + seconds) break;
    is_measured = now >= measured_from;
    for (; next <= now; next += 1 / rate) {
      Connection *c = &first[turn++ % connections];
      asked[(size_t)(c - first) * WINDOW + (c->next_id + 1) % WINDOW] = (Asked){.due = next, .sent = stamp_seconds()};
      ask(c, ROUTE_ECHO);
    }
    int ready = epoll_wait(epoll, events, 64, 0);
    for (int i = 0; i < ready; i++) receive(events[i].data.ptr, events[i].data.ptr == hasher ? digested : echoed);
  }
  printf("{\"echoes\":%llu,", (unsigned long long)echoes);
  print_percentiles("server", SERVER);
  print_percentiles("seen", SEEN);
  print_percentiles("late", LATE);
  printf("\"digests\":%llu,\"seconds\":%.3f}\n", (unsigned long long)digests, seconds);
  return 0;
}
