// Loops over floats that are compiled for several generations of CPUs; the one that runs is chosen at load time.
#ifndef MODELZOO_VECTOR_H_
#define MODELZOO_VECTOR_H_

// What a pointer points to is reached through no other of the same function.
#define RESTRICT __restrict__

#define MODELZOO_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))

#endif  // MODELZOO_VECTOR_H_
