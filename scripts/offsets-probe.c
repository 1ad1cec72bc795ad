/* Makes the compiler describe CPython's structs.

   scripts/offsets-probe compiles this file against the headers of one CPython and links it into a
   shared object that is never loaded: only its debug information, a few symbols and their sizes
   matter.  Every header is optional, since each version has others. */

#include "Python.h"
#include <stddef.h>
#include <pthread.h>

/* Public headers that Python.h leaves out in some version. */
#if __has_include("frameobject.h")
#include "frameobject.h"
#endif
#if __has_include("longintrepr.h")
#include "longintrepr.h"
#endif
#if __has_include("structmember.h")
#include "structmember.h"
#endif
#if __has_include("datetime.h")
#include "datetime.h"
#endif
#if __has_include("structseq.h")
#include "structseq.h"
#endif
#if __has_include("pythread.h")
#include "pythread.h"
#endif

/* 3.7's internal headers. */
#if __has_include("internal/pystate.h")
#include "internal/pystate.h"
#endif
#if __has_include("internal/context.h")
#include "internal/context.h"
#endif
#if __has_include("internal/hamt.h")
#include "internal/hamt.h"
#endif

/* Since 3.8 they are called pycore_*.  They include most of what they need; pycore_object.h has to
   come before pycore_stackref.h (3.13, free-threaded). */
#if __has_include("internal/pycore_object.h")
#include "internal/pycore_object.h"
#endif
#if __has_include("internal/pycore_runtime.h")
#include "internal/pycore_runtime.h"
#endif
#if __has_include("internal/pycore_interp.h")
#include "internal/pycore_interp.h"
#endif
#if __has_include("internal/pycore_pystate.h")
#include "internal/pycore_pystate.h"
#endif
#if __has_include("internal/pycore_tstate.h")
#include "internal/pycore_tstate.h"
#endif
#if __has_include("internal/pycore_ceval.h")
#include "internal/pycore_ceval.h"
#endif
#if __has_include("internal/pycore_gc.h")
#include "internal/pycore_gc.h"
#endif
#if __has_include("internal/pycore_gil.h")
#include "internal/pycore_gil.h"
#endif
#if __has_include("internal/pycore_code.h")
#include "internal/pycore_code.h"
#endif
#if __has_include("internal/pycore_stackref.h")
#include "internal/pycore_stackref.h"
#endif
#if __has_include("internal/pycore_frame.h")
#include "internal/pycore_frame.h"
#endif
#if __has_include("internal/pycore_interpframe.h")
#include "internal/pycore_interpframe.h"
#endif
#if __has_include("internal/pycore_genobject.h")
#include "internal/pycore_genobject.h"
#endif
#if __has_include("internal/pycore_dict.h")
#include "internal/pycore_dict.h"
#endif
#if __has_include("internal/pycore_unicodeobject.h")
#include "internal/pycore_unicodeobject.h"
#endif
#if __has_include("internal/pycore_long.h")
#include "internal/pycore_long.h"
#endif
#if __has_include("internal/pycore_list.h")
#include "internal/pycore_list.h"
#endif
#if __has_include("internal/pycore_tuple.h")
#include "internal/pycore_tuple.h"
#endif
#if __has_include("internal/pycore_range.h")
#include "internal/pycore_range.h"
#endif
#if __has_include("internal/pycore_moduleobject.h")
#include "internal/pycore_moduleobject.h"
#endif
#if __has_include("internal/pycore_function.h")
#include "internal/pycore_function.h"
#endif
#if __has_include("internal/pycore_descrobject.h")
#include "internal/pycore_descrobject.h"
#endif
#if __has_include("internal/pycore_namespace.h")
#include "internal/pycore_namespace.h"
#endif
#if __has_include("internal/pycore_memoryobject.h")
#include "internal/pycore_memoryobject.h"
#endif
#if __has_include("internal/pycore_typeobject.h")
#include "internal/pycore_typeobject.h"
#endif
#if __has_include("internal/pycore_typevarobject.h")
#include "internal/pycore_typevarobject.h"
#endif
#if __has_include("internal/pycore_weakref.h")
#include "internal/pycore_weakref.h"
#endif
#if __has_include("internal/pycore_context.h")
#include "internal/pycore_context.h"
#endif
#if __has_include("internal/pycore_hamt.h")
#include "internal/pycore_hamt.h"
#endif
#if __has_include("internal/pycore_lock.h")
#include "internal/pycore_lock.h"
#endif
#if __has_include("internal/pycore_parking_lot.h")
#include "internal/pycore_parking_lot.h"
#endif
#if __has_include("internal/pycore_semaphore.h")
#include "internal/pycore_semaphore.h"
#endif
#if __has_include("internal/pycore_pythread.h")
#include "internal/pycore_pythread.h"
#endif
#if __has_include("internal/pycore_optimizer.h")
#include "internal/pycore_optimizer.h"
#endif
#if __has_include("internal/pycore_interpolation.h")
#include "internal/pycore_interpolation.h"
#endif
#if __has_include("internal/pycore_lazyimportobject.h")
#include "internal/pycore_lazyimportobject.h"
#endif
#if __has_include("internal/pycore_debug_offsets.h")
#include "internal/pycore_debug_offsets.h"
#endif
#if __has_include("internal/pycore_runtime_init.h") && PY_VERSION_HEX >= 0x030d0000
#include "internal/pycore_runtime_init.h"
#endif

#define EXPORTED __attribute__((visibility("default"), used))

/* What this is: the version under the name that 3.11 and later export it by, and the flavour. */
EXPORTED const unsigned long Py_Version = PY_VERSION_HEX;
EXPORTED const char pitviper_flavour[] = PROBE_FLAVOUR;

/* Objects that a real interpreter exports, so that the sizes of their symbols are the same. */
EXPORTED PyObject _Py_NoneStruct;
EXPORTED PyTypeObject PyType_Type;
EXPORTED PyTypeObject PyCode_Type;

#if PY_VERSION_HEX < 0x03070000
EXPORTED __typeof__(_PyThreadState_Current) _PyThreadState_Current;
#elif PY_VERSION_HEX < 0x030a0000
EXPORTED _PyRuntimeState _PyRuntime;
#elif PY_VERSION_HEX < 0x030d0000
EXPORTED __attribute__((section(".PyRuntime"))) _PyRuntimeState _PyRuntime;
#elif defined(_Py_DebugOffsets_INIT)
/* From 3.13 on a binary describes itself, too: keep that, so that it can be compared. */
EXPORTED __attribute__((section(".PyRuntime"))) _PyRuntimeState _PyRuntime = {
    .debug_offsets = _Py_DebugOffsets_INIT(_Py_Debug_Cookie),
};
#else
EXPORTED __attribute__((section(".PyRuntime"))) _PyRuntimeState _PyRuntime =
    _PyRuntimeState_INIT(_PyRuntime, _Py_Debug_Cookie);
#endif

/* What only a debug build exports: the function always, the count up to 3.11. */
#ifdef Py_REF_DEBUG
#if PY_VERSION_HEX < 0x030c0000
EXPORTED Py_ssize_t _Py_RefTotal;
#endif
__asm__(".text\n"
        ".globl _Py_NegativeRefcount\n"
        ".type _Py_NegativeRefcount, %function\n"
        "_Py_NegativeRefcount:\n"
        ".long 0\n"
        ".size _Py_NegativeRefcount, 4\n");
#endif
