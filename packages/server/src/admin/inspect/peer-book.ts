/**
 * Owns the addresses of clients, 20 bytes each, for when their sockets cannot say them any more.
 * Must not know: connections; whoever has a place here keeps its number.
 * Invariant: a place has the address that was remembered last, or none.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { addressBytes, addressText, plainAddress } from '../../admission/address.ts'

/** The port and what kind of address it is; then the address. */
const WORDS = 5
const PLACES_MIN = 256
const KIND_SHIFT = 16
const PORT_MASK = 2 ** KIND_SHIFT - 1
const KIND_IPV4 = 1
const KIND_IPV6 = 2

export const PEER_WORDS = WORDS

export class PeerBook {
  #memory = new Int32Array(PLACES_MIN * WORDS)

  /** @param address as the system says it; undefined where there is none */
  remember(place: number, address: string | undefined, port: number | undefined): void {
    this.#makeRoom(place)
    const plain = plainAddress(address ?? '')
    const kind = isIPv4(plain) ? KIND_IPV4 : isIPv6(plain) ? KIND_IPV6 : 0
    this.#memory[place * WORDS] = (kind << KIND_SHIFT) | (port ?? 0)
    if (kind === 0) return
    const bytes = addressBytes(plain)
    for (let index = 0; index < bytes.length; index += 4) {
      const word = (bytes[index] ?? 0) * 2 ** 24 + ((bytes[index + 1] ?? 0) << 16)
      this.#memory[place * WORDS + 1 + index / 4] = word + ((bytes[index + 2] ?? 0) << 8) + (bytes[index + 3] ?? 0)
    }
  }

  forget(place: number): void {
    this.#makeRoom(place)
    this.#memory[place * WORDS] = 0
  }

  /** The words of a place, for `peerOf`. @param target gets them from `at` on */
  copy(place: number, target: Int32Array, at: number): void {
    for (let word = 0; word < WORDS; word++) target[at + word] = this.#memory[place * WORDS + word] ?? 0
  }

  #makeRoom(place: number): void {
    if ((place + 1) * WORDS <= this.#memory.length) return
    const larger = new Int32Array(Math.max(this.#memory.length * 2, (place + 1) * WORDS))
    larger.set(this.#memory)
    this.#memory = larger
  }
}

/** `address:port`; undefined where none was remembered. */
export function peerOf(words: Int32Array, at: number): string | undefined {
  const first = words[at] ?? 0
  const kind = first >> KIND_SHIFT
  if (kind === 0) return undefined
  const length = kind === KIND_IPV4 ? 4 : 16
  const bytes = Array.from(
    { length },
    (_, index) => ((words[at + 1 + (index >> 2)] ?? 0) >>> (24 - 8 * (index & 3))) & 255,
  )
  const port = first & PORT_MASK
  return kind === KIND_IPV4 ? `${addressText(bytes)}:${port}` : `[${addressText(bytes)}]:${port}`
}
