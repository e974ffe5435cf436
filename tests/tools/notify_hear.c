/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify_hear SOCKET - stands where a service manager would: prints each datagram that comes to
 * SOCKET on a line of its own, its newlines as spaces, until it is ended.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DATAGRAMS_MAX = 100000, IDLE_S = 60 };

int
main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[4096];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(addr.sun_path) || fd < 0)
		return 2;
	(void)strcpy(addr.sun_path, argv[1]);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		perror(argv[1]);
		return 1;
	}
	for (int i = 0; i < DATAGRAMS_MAX; i++) {
		ssize_t n;

		(void)alarm(IDLE_S);
		n = recv(fd, text, sizeof(text), 0);
		if (n < 0)
			return 1;
		for (ssize_t k = 0; k < n; k++)
			text[k] = text[k] == '\n' ? ' ' : text[k];
		printf("%.*s\n", (int)n, text);
		(void)fflush(stdout);
	}
	return 0;
}
