// Holds connections open and answers their PINGs.
//   hold HOST PORT
// Obeys lines on stdin and answers each with one line of JSON on stdout; ends with its stdin.
//   open N       opens N connections more; each has had one echo before the next batch is dialled
//   cut N BYTES  sends, on each, the first BYTES of a frame that announces N bytes of body
//   flood N      sends, on each, frames of N bytes of body for as long as the server takes them, and reads no more
//   count        counts what is still open, and the PINGs answered so far
//   close        closes all, in an orderly way
#include "wire.h"

enum { BATCH = 256, EVENTS_MAX = 512, PING_FRAME_MAX = 135, LINE_MAX_BYTES = 256, FLOOD_BUFFER_BYTES = 32768 };

typedef struct {
  int fd; // -1 when the server has closed it.
  uint16_t have;
  uint8_t in[PING_FRAME_MAX];
  size_t flooded; // Bytes of the frame that is under way.
} Held;

static Held *held;
static size_t count, opened, echoed, lost;
static uint64_t pings;
static int epoll;
static struct sockaddr_in to;
static uint8_t hello[16];
static size_t hello_bytes;
static uint8_t *flood; // NULL while nobody floods.
static size_t flood_bytes;

static void drop(Held *h) {
  close(h->fd);
  h->fd = -1;
  lost++;
}

static void answer(Held *h, const uint8_t *frame, size_t bytes) {
  if ((frame[0] >> 4 & 7) == KIND_CONTROL && frame[1] == OPCODE_PING) {
    uint8_t pong[PING_FRAME_MAX];
    put_frame(pong, KIND_CONTROL, OPCODE_PONG, 0, frame + PREFIX_BYTES, bytes - OVERHEAD_BYTES);
    if (send(h->fd, pong, bytes, MSG_NOSIGNAL) == (ssize_t)bytes) pings++;
  } else if (bytes == hello_bytes && memcmp(frame, hello, bytes) == 0) {
    echoed++;
  }
}

static void take(Held *h) {
  ssize_t got = recv(h->fd, h->in + h->have, sizeof h->in - h->have, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    drop(h);
    return;
  }
  h->have = (uint16_t)(h->have + got);
  size_t at = 0;
  while (h->have - at >= PREFIX_BYTES) {
    size_t bytes = get_u32(h->in + at + 2) + OVERHEAD_BYTES;
    // An ERROR with its text: the close behind it is what counts.
    if (bytes > sizeof h->in) {
      drop(h);
      return;
    }
    if (h->have - at < bytes) break;
    answer(h, h->in + at, bytes);
    at += bytes;
  }
  memmove(h->in, h->in + at, h->have - at);
  h->have = (uint16_t)(h->have - at);
}

// Sends until nothing more is taken; how the server's end shows, too, to one that does not read.
static void pour(Held *h) {
  for (;;) {
    ssize_t sent = send(h->fd, flood + h->flooded, flood_bytes - h->flooded, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      drop(h);
      return;
    }
    h->flooded = (h->flooded + (size_t)sent) % flood_bytes;
  }
}

// Serves what comes for up to `milliseconds`. Returns how many sockets had something.
static int poll_once(int milliseconds, int *has_input) {
  struct epoll_event events[EVENTS_MAX];
  int ready = epoll_wait(epoll, events, EVENTS_MAX, milliseconds);
  for (int i = 0; i < ready; i++) {
    Held *h = events[i].data.ptr;
    if (h == NULL) *has_input = 1;
    else if (h->fd >= 0 && flood != NULL) pour(h);
    else if (h->fd >= 0) take(h);
  }
  return ready;
}

static void open_more(size_t more) {
  int ignored = 0;
  for (size_t left = more; left > 0;) {
    size_t batch = left < BATCH ? left : BATCH, settled = echoed + lost + batch;
    for (size_t i = 0; i < batch; i++) {
      Held *h = &held[count++];
      h->have = 0;
      h->fd = dial(&to, opened++);
      // Loopback: the connection stands as soon as the listener's queue has room; wait for it in the plain way.
      struct sockaddr_in peer;
      socklen_t length = sizeof peer;
      while (getpeername(h->fd, (struct sockaddr *)&peer, &length) != 0) usleep(1000);
      if (send(h->fd, hello, hello_bytes, MSG_NOSIGNAL) != (ssize_t)hello_bytes) fail("send");
      watch(epoll, EPOLL_CTL_ADD, h->fd, EPOLLIN, h);
    }
    while (echoed + lost < settled) poll_once(100, &ignored);
    left -= batch;
  }
}

static void cut_frames(uint32_t body, size_t bytes) {
  uint8_t *part = calloc(1, bytes + PREFIX_BYTES);
  if (part == NULL) fail("calloc");
  part[1] = ROUTE_ECHO;
  put_u32(part + 2, body);
  int ignored = 0;
  for (size_t i = 0; i < count; i++) {
    if (held[i].fd >= 0 && send(held[i].fd, part, bytes, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
      fail("send");
    }
    if (i % BATCH == 0) poll_once(0, &ignored);
  }
  free(part);
}

static void flood_all(size_t body) {
  uint8_t *bytes = calloc(1, body);
  flood = malloc(body + OVERHEAD_BYTES);
  if (bytes == NULL || flood == NULL) fail("malloc");
  flood_bytes = put_frame(flood, KIND_MESSAGE, ROUTE_ECHO, 0, bytes, body);
  free(bytes);
  int buffer = FLOOD_BUFFER_BYTES;
  for (size_t i = 0; i < count; i++) {
    // A thousand full buffers of the usual size are more than the kernel has for all of TCP: it would drop segments.
    setsockopt(held[i].fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(held[i].fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    // Told of an end at any time; and each time that there is room again, once.
    if (held[i].fd >= 0) watch(epoll, EPOLL_CTL_MOD, held[i].fd, EPOLLOUT | EPOLLET, &held[i]);
  }
}

static void close_all(void) {
  for (size_t i = 0; i < count; i++) {
    if (held[i].fd >= 0) close(held[i].fd);
  }
  count = echoed = lost = 0;
  free(flood);
  flood = NULL;
}

static void report(void) {
  printf("{\"open\":%zu,\"lost\":%zu,\"pings\":%llu}\n", count - lost, lost, (unsigned long long)pings);
  fflush(stdout);
}

static void obey(const char *line, size_t connections_max) {
  size_t number = 0, bytes = 0;
  if (sscanf(line, "open %zu", &number) == 1) {
    errno = 0;
    if (count + number > connections_max) fail("open: more connections than descriptors");
    open_more(number);
  } else if (sscanf(line, "cut %zu %zu", &number, &bytes) == 2) cut_frames((uint32_t)number, bytes);
  else if (sscanf(line, "flood %zu", &number) == 1) flood_all(number);
  else if (strncmp(line, "close", 5) == 0) close_all();
  else if (strncmp(line, "count", 5) != 0) fprintf(stderr, "not a command: %s", line);
  report();
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: hold HOST PORT\n");
    return 2;
  }
  to = address_of(argv[1], argv[2]);
  raise_descriptor_limit();
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  size_t connections_max = limit.rlim_cur > 1048576 ? 1048576 : limit.rlim_cur - 16;
  held = calloc(connections_max, sizeof *held);
  epoll = epoll_create1(0);
  if (held == NULL || epoll < 0) fail("setup");
  hello_bytes = put_frame(hello, KIND_MESSAGE, ROUTE_ECHO, 0, (const uint8_t *)"hello", 5);
  watch(epoll, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, NULL);
  char line[LINE_MAX_BYTES];
  setvbuf(stdin, NULL, _IONBF, 0);
  for (;;) {
    int has_input = 0;
    poll_once(-1, &has_input);
    if (!has_input) continue;
    if (fgets(line, sizeof line, stdin) == NULL) return 0;
    obey(line, connections_max);
  }
}
