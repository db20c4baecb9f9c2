#define _GNU_SOURCE
// The limit of the machine: an epoll loop that sends back what came, without frames or checks; MESSAGEs only.
// Listens on a free port of 127.0.0.1 and prints it.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_MAX = 512, BUFFER_BYTES = 131072, BACKLOG = 4096 };

static char buffer[BUFFER_BYTES];

static int listen_anywhere(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, length) != 0 || listen(fd, BACKLOG) != 0) return -1;
  if (getsockname(fd, (struct sockaddr *)&at, &length) != 0) return -1;
  printf("listening %d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

static void add(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void echo(int fd) {
  ssize_t got = recv(fd, buffer, sizeof buffer, 0);
  if (got < 0 && errno == EAGAIN) return;
  for (ssize_t at = 0; at < got;) {
    ssize_t wrote = send(fd, buffer + at, (size_t)(got - at), MSG_NOSIGNAL);
    if (wrote > 0) at += wrote;
    else if (wrote < 0 && errno == EAGAIN) poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
    else got = 0;
  }
  if (got <= 0) close(fd);
}

int main(void) {
  int listener = listen_anywhere(), epoll = epoll_create1(0), on = 1;
  if (listener < 0 || epoll < 0) {
    perror("c-echo");
    return 1;
  }
  add(epoll, listener);
  struct epoll_event events[EVENTS_MAX];
  for (;;) {
    int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.fd != listener) {
        echo(events[i].data.fd);
        continue;
      }
      int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      if (fd < 0) continue;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      add(epoll, fd);
    }
  }
}
