/* What lwIP wants to know of the system. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdio.h>
#include <stdlib.h>

#define LWIP_PLATFORM_DIAG(message) printf message
#define LWIP_PLATFORM_ASSERT(message)  \
  do {                                 \
    printf("assertion: %s\n", message); \
    abort();                           \
  } while (0)
#define LWIP_RAND() ((unsigned)random())

#endif
