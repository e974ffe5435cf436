/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_run PROGRAM.o DIR N - loads the XDP program through the kernel's verifier, then runs it on
 * the frames of DIR/I.cases over DIR/I.image, I = 0 .. N-1, and compares what it returns. Built by
 * bpf_verifier.sh with the system's compiler and libbpf.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static char verifier_log[1 << 16];

static int
run_cases(int prog, uint8_t *map, const char *dir, int n)
{
	static uint8_t frame[4096], out[8192];
	char path[512];
	uint32_t head[2];
	int ran = 0, bad = 0;

	snprintf(path, sizeof(path), "%s/%d.image", dir, n);
	FILE *f = fopen(path, "rb");
	if (f == NULL || fread(map, 1, 32 << 20, f) == 0)
		return -1;
	fclose(f);
	snprintf(path, sizeof(path), "%s/%d.cases", dir, n);
	f = fopen(path, "rb");
	while (f != NULL && fread(head, sizeof(head), 1, f) == 1 && head[0] <= sizeof(frame) &&
	    fread(frame, 1, head[0], f) == head[0]) {
		LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = head[0],
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);

		if (bpf_prog_test_run_opts(prog, &o) != 0 || o.retval != head[1]) {
			if (bad++ < 5)
				fprintf(stderr, "image %d frame %d, %u bytes: host %08x, kernel "
				    "%08x\n", n, ran, head[0], head[1], o.retval);
		}
		ran++;
	}
	if (f != NULL)
		fclose(f);
	printf("image %d: %d frames, %d differ\n", n, ran, bad);
	return ran > 0 && bad == 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	struct bpf_object *o = bpf_object__open_file(argv[1], NULL);
	struct bpf_program *p = o != NULL ? bpf_object__next_program(o, NULL) : NULL;

	if (p == NULL)
		return 1;
	bpf_program__set_log_buf(p, verifier_log, sizeof(verifier_log));
	bpf_program__set_log_level(p, 4);
	int rc = bpf_object__load(o);

	printf("%s", verifier_log);
	if (rc != 0)
		return 1;
	struct bpf_map *m = bpf_object__find_map_by_name(o, "fw_image_map");
	uint8_t *map = mmap(NULL, bpf_map__value_size(m), PROT_READ | PROT_WRITE, MAP_SHARED,
	    bpf_map__fd(m), 0);

	if (map == MAP_FAILED)
		return 1;
	for (int n = 0; n < atoi(argv[3]); n++)
		if (run_cases(bpf_program__fd(p), map, argv[2], n) != 0)
			rc = 1;
	return rc;
}
