/* Preloaded into keywheel: the wall clock shows what the file named by FAULTS_CLOCK says, in seconds, later than it is.
   Other clocks stay as they are, as when somebody sets the machine's clock. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, clock, at);
    const char *path = getenv("FAULTS_CLOCK");
    if (result == 0 && clock == CLOCK_REALTIME && path != NULL) {
        FILE *file = fopen(path, "r");
        long step = 0;
        if (file != NULL) {
            if (fscanf(file, "%ld", &step) == 1) at->tv_sec += step;
            fclose(file);
        }
    }
    return result;
}
