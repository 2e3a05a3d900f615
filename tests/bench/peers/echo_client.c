/*
 * The load of the echo comparison: connections that each send a message, wait for the echo, check it, pause, and
 * repeat. One thread, epoll. Prints one line of JSON.
 *
 *     echo_client PORT CONNECTIONS MESSAGES SIZE LIMIT
 *
 * MESSAGES is for each connection, SIZE in bytes, LIMIT in seconds.
 *
 * The pause is that of a client at the other end of a network cable. Without any, a server that reads until there is
 * nothing more gets caught by a single connection, whose next message always is there already: then half of all
 * messages are echoed within 10 us while the other connections starve, and nothing is learned about many connections.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE 0.05 /* ms */

struct connection {
  int fd;
  long served;      /* messages echoed so far */
  size_t written;   /* bytes of the current message */
  size_t received;
  double sent_at;   /* or, while it pauses, when it will go on */
  int wants_write;
};

static int epoll_fd;
static long count, messages;
static size_t size;
static struct connection *connections;
static struct connection **pausing; /* a ring: all pauses are equally long */
static long pausing_first, pausing_count;
static unsigned char *expected, *buffer;
static float *latencies; /* ms */
static long open_now, echoed, broken, wrong;
static long least = -1, most = -1; /* messages served to one connection when half of all were */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Every message differs from those before it and from those of other connections. */
static void fill(const struct connection *connection) {
  uint32_t head[2] = {connection - connections, connection->served};
  for (size_t i = 0; i < size; i++) {
    size_t at = i % sizeof head;
    expected[i] = ((unsigned char *)head)[at] + i / sizeof head * 31;
  }
}

static void watch(struct connection *connection, int operation, int wants_write) {
  struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection};
  connection->wants_write = wants_write;
  if (epoll_ctl(epoll_fd, operation, connection->fd, &event) < 0) die("epoll_ctl");
}

static void finish(struct connection *connection) {
  close(connection->fd);
  connection->fd = -1;
  open_now--;
}

static void fail(struct connection *connection) {
  broken++;
  finish(connection);
}

static void begin_message(struct connection *connection) {
  connection->written = connection->received = 0;
  connection->sent_at = now();
}

static void send_more(struct connection *connection) {
  fill(connection);
  while (connection->written < size) {
    ssize_t sent = send(connection->fd, expected + connection->written, size - connection->written, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return fail(connection);
    connection->written += sent;
  }
  int wants_write = connection->written < size;
  if (wants_write != connection->wants_write) watch(connection, EPOLL_CTL_MOD, wants_write);
}

static void measure_fairness(void) {
  for (long i = 0; i < count; i++) {
    long served = connections[i].served;
    if (least < 0 || served < least) least = served;
    if (served > most) most = served;
  }
}

static void receive(struct connection *connection) {
  ssize_t length = recv(connection->fd, buffer, size - connection->received, 0);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) return fail(connection);
  fill(connection);
  if (memcmp(buffer, expected + connection->received, length) != 0) wrong++;
  connection->received += length;
  if (connection->received < size) return;
  latencies[echoed++] = now() - connection->sent_at;
  connection->served++;
  if (echoed == (count * messages + 1) / 2) measure_fairness();
  if (connection->served == messages) return finish(connection);
  connection->sent_at = now() + PAUSE;
  pausing[(pausing_first + pausing_count++) % count] = connection;
}

/* How long until the next pause is over, at most 100 ms. */
static struct timespec until_next(void) {
  double wait = 100;
  if (pausing_count > 0) wait = pausing[pausing_first]->sent_at - now();
  return (struct timespec){.tv_nsec = wait > 0 ? wait * 1e6 : 0};
}

static void go_on(void) {
  double time = now();
  while (pausing_count > 0 && pausing[pausing_first]->sent_at <= time) {
    struct connection *connection = pausing[pausing_first];
    pausing_first = (pausing_first + 1) % count;
    pausing_count--;
    if (connection->fd < 0) continue;
    begin_message(connection);
    send_more(connection);
  }
}

static int compare(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* The smallest value that at least `fraction` of all do not exceed. */
static double percentile(double fraction) {
  if (echoed == 0) return 0;
  double rank = fraction * echoed;
  long index = (long)rank;
  if (index == rank && index > 0) index--;
  return latencies[index < echoed ? index : echoed - 1];
}

static void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void open_connections(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  for (long i = 0; i < count; i++) {
    struct connection *connection = &connections[i];
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0) die("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
      die("connect");
    open_now++;
    watch(connection, EPOLL_CTL_ADD, 1);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return fprintf(stderr, "echo_client PORT CONNECTIONS MESSAGES SIZE LIMIT\n"), 2;
  count = atol(argv[2]);
  messages = atol(argv[3]);
  size = atol(argv[4]);
  connections = calloc(count, sizeof *connections);
  pausing = calloc(count, sizeof *pausing);
  latencies = calloc(count * messages, sizeof *latencies);
  expected = malloc(size);
  buffer = malloc(size);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!connections || !pausing || !latencies || !expected || !buffer || epoll_fd < 0) die("set-up");
  raise_file_limit();
  prctl(PR_SET_TIMERSLACK, 1); /* short pauses are to be short */

  double started = now(), deadline = started + atof(argv[5]) * 1e3;
  open_connections(atoi(argv[1]));
  struct epoll_event events[256];
  while (open_now > 0) {
    if (now() > deadline) return fprintf(stderr, "Only %ld messages were echoed in time\n", echoed), 1;
    struct timespec wait = until_next();
    int ready = epoll_pwait2(epoll_fd, events, 256, &wait, NULL);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection->fd >= 0 && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(connection);
      if (connection->fd >= 0 && events[i].events & EPOLLOUT) {
        if (connection->written == 0) begin_message(connection);
        send_more(connection);
      }
    }
    go_on();
  }
  double seconds = (now() - started) / 1e3;

  qsort(latencies, echoed, sizeof *latencies, compare);
  printf("{\"messages\":%ld,\"seconds\":%.6f,\"rate\":%.1f,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f,"
         "\"leastServed\":%ld,\"mostServed\":%ld,\"wrong\":%ld,\"broken\":%ld}\n",
         echoed, seconds, echoed / seconds, percentile(0.5), percentile(0.99), percentile(1),
         least, most, wrong, broken);
  return 0;
}
