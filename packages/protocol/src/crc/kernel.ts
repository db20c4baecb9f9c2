/**
 * Owns the WebAssembly instance that computes CRCs, and its memory.
 * Must not know: frames, when it pays to call it.
 * Invariant: a range given out by `allocateKernelMemory` is nobody else's and is never given back; the instance's
 * memory never grows, so no view of it is ever detached (nor can it be transferred to a thread). Without WebAssembly or
 * its vectors there is no kernel, and nothing here throws.
 */
import { KERNEL_CODE } from './kernel-code.ts'
import { KERNEL_LAYOUT } from './kernel-layout.ts'
import { CRC_TABLES } from './tables.ts'

/** The part of WebAssembly that is used: the types of Node have none of it. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer
  }
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/** What the kernel does. Addresses are offsets in its memory. */
export interface Kernel {
  /** CRC of [start, end), as a signed integer. */
  readonly crc32: (start: number, end: number, seed: number) => number
  readonly copy: (from: number, to: number, bytes: number) => void
  /** Looks for plain frames from `start` on: see scripts/crc-kernel/scan.ts. @returns how many were found */
  readonly scan: (start: number, end: number, lengthMax: number) => number
  readonly memory: ArrayBuffer
}

/** Undefined where this Node cannot run it (`--jitless`, a processor without the vectors). */
export const kernel: Kernel | undefined = load()

let arenaAt: number = KERNEL_LAYOUT.arenaAt

/**
 * Memory over which CRCs are computed where it stands, its content undefined: for what is read into again and again.
 * There is little of it (256 KiB), and it is never given back.
 * @returns undefined when there is none left
 */
export function allocateKernelMemory(bytes: number): Uint8Array | undefined {
  if (kernel === undefined || arenaAt + bytes > KERNEL_LAYOUT.arenaAt + KERNEL_LAYOUT.arenaBytes) return undefined
  const memory = Buffer.from(kernel.memory, arenaAt, bytes)
  arenaAt += bytes
  return memory
}

function load(): Kernel | undefined {
  try {
    const { pages } = KERNEL_LAYOUT
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    new Int32Array(memory.buffer, KERNEL_LAYOUT.tablesAt, CRC_TABLES.length).set(CRC_TABLES)
    const module = new WebAssembly.Module(Buffer.from(KERNEL_CODE, 'base64'))
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    const { crc32, copy, scan } = exports as Partial<Kernel>
    if (crc32 === undefined || copy === undefined || scan === undefined) return undefined
    return { crc32, copy, scan, memory: memory.buffer }
  } catch (error) {
    // No WebAssembly at all (a ReferenceError), or not this much of it: then it is not there, which is the answer.
    if (error instanceof Error) return undefined
    throw error
  }
}
