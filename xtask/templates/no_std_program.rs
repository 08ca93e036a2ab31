//! Links with CRATE and with nothing else: no standard library, no C library, no start-up files.
//!
//! The program is linked, never run. A second definition of the panic handler (that of `std`) or a
//! symbol that only an operating system supplies makes the build fail.
#![no_std]
#![no_main]

extern crate alloc;
use CRATE as _;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

const ARENA_OCTETS: usize = 64 * 1024;
const ARENA_ALIGNMENT: usize = 64;

/// Memory that is handed out once.
#[repr(align(64))]
struct Arena {
    memory: UnsafeCell<[u8; ARENA_OCTETS]>,
    used: AtomicUsize,
}

// SAFETY: `used` is advanced atomically, so no two callers are handed the same octets.
unsafe impl Sync for Arena {}

// SAFETY: every block lies inside `memory`, is aligned as asked and is handed out once.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start_of = |used: usize| used.next_multiple_of(layout.align());
        let claimed = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            start_of(used).checked_add(layout.size()).filter(|end| *end <= ARENA_OCTETS)
        });
        match claimed {
            Ok(used) if layout.align() <= ARENA_ALIGNMENT => {
                // SAFETY: the block ends within the arena, as was just checked.
                unsafe { self.memory.get().cast::<u8>().add(start_of(used)) }
            }
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ARENA: Arena = Arena {
    memory: UnsafeCell::new([0; ARENA_OCTETS]),
    used: AtomicUsize::new(0),
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// What every target supplies, an operating system or not: the compiler's own runtime has the
/// memory functions where there is no C library, and the unwinder's two names are left over in the
/// prebuilt `core` and `alloc`.
macro_rules! runtime {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            #[allow(non_snake_case)]
            pub extern "C" fn $name() -> ! {
                loop {}
            }
        )*
    };
}
runtime! { memcpy memmove memset memcmp bcmp strlen rust_eh_personality _Unwind_Resume }

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    core::hint::black_box(alloc::boxed::Box::new(0u64));
    loop {}
}
