// Connections as fast as they come: connect, one echo, close, and the next, CONCURRENCY of them at any time.
//   churn HOST PORT CONCURRENCY WARMUP_S SECONDS
// Prints one line of JSON: connections whose echo came back right while measuring, those that failed, the seconds it
// took, and this program's CPU seconds.
#include "wire.h"

enum { EVENTS_MAX = 512, ANSWER_BYTES = 18 };

typedef struct {
  int fd;
  int is_sent;
  size_t received;
} Slot;

static struct sockaddr_in to;
static int epoll;
static uint64_t dialled, answered, failed;
static uint8_t frame[ANSWER_BYTES];

static void begin(Slot *slot) {
  slot->fd = dial(&to, dialled++);
  slot->is_sent = 0;
  slot->received = 0;
  watch(epoll, EPOLL_CTL_ADD, slot->fd, EPOLLOUT, slot);
}

// An orderly close: ours is the first FIN, so the server sees an end of stream.
static void end(Slot *slot, uint64_t *counter) {
  (*counter)++;
  close(slot->fd);
  begin(slot);
}

static void serve(Slot *slot, uint32_t events) {
  if (!slot->is_sent) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 || send(slot->fd, frame, sizeof frame, MSG_NOSIGNAL) != sizeof frame) {
      end(slot, &failed);
      return;
    }
    slot->is_sent = 1;
    watch(epoll, EPOLL_CTL_MOD, slot->fd, EPOLLIN, slot);
    return;
  }
  uint8_t memory[ANSWER_BYTES + 1];
  ssize_t got = recv(slot->fd, memory, sizeof memory - slot->received, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0 || slot->received + (size_t)got > sizeof frame ||
      memcmp(memory, frame + slot->received, (size_t)got) != 0) {
    end(slot, &failed);
    return;
  }
  slot->received += (size_t)got;
  if (slot->received == sizeof frame) end(slot, &answered);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: churn HOST PORT CONCURRENCY WARMUP_S SECONDS\n");
    return 2;
  }
  to = address_of(argv[1], argv[2]);
  size_t concurrency = (size_t)atoi(argv[3]);
  double warm_up = atof(argv[4]), seconds = atof(argv[5]);
  raise_descriptor_limit();
  put_frame(frame, KIND_MESSAGE, ROUTE_ECHO, 0, (const uint8_t *)"churning", sizeof frame - OVERHEAD_BYTES);
  epoll = epoll_create1(0);
  Slot *slots = calloc(concurrency, sizeof *slots);
  if (epoll < 0 || slots == NULL) fail("setup");
  for (size_t i = 0; i < concurrency; i++) begin(&slots[i]);

  struct epoll_event events[EVENTS_MAX];
  double measured_from = monotonic_seconds() + warm_up, started = 0, cpu = 0;
  for (;;) {
    double now = monotonic_seconds();
    if (started == 0 && now >= measured_from) {
      started = now;
      cpu = cpu_seconds();
      answered = failed = 0;
    }
    if (started != 0 && now >= started + seconds) {
      printf("{\"connections\":%llu,\"failed\":%llu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n",
             (unsigned long long)answered, (unsigned long long)failed, now - started, cpu_seconds() - cpu);
      return 0;
    }
    int ready = epoll_wait(epoll, events, EVENTS_MAX, 10);
    for (int i = 0; i < ready; i++) serve(events[i].data.ptr, events[i].events);
  }
}
