/* SPDX-License-Identifier: MIT */
/* Heapsort: values and their weights lie in two arrays, which qsort cannot move together. */
#include "uq/sort.h"

static void swap(double *a, size_t i, size_t j)
{
    double old = a[i];
    a[i] = a[j];
    a[j] = old;
}

/* Let element i of the heap v[n] sink until its children are not larger. */
static void sink(double *v, double *w, size_t i, size_t n)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && v[child + 1] > v[child])
            child++;
        if (!(v[child] > v[i]))
            return;
        swap(v, i, child);
        if (w != NULL)
            swap(w, i, child);
    }
}

void sps_sort(double *v, double *w, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sink(v, w, i, n);
    for (size_t end = n; end-- > 1;) {
        swap(v, 0, end);
        if (w != NULL)
            swap(w, 0, end);
        sink(v, w, 0, end);
    }
}
