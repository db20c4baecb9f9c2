/** Owns PROXY headers for tests, written from the specification and not by what reads them. */
import { isIPv4 } from 'node:net'

/** @param rest of the line, behind the word PROXY */
export function header1(rest: string): Uint8Array {
  return Buffer.from(`PROXY ${rest}\r\n`)
}

/** @param address undefined for LOCAL @param tlvBytes of a TLV behind the addresses */
export function header2(address: string | undefined, port: number, tlvBytes = 0): Uint8Array {
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
  const head = Buffer.alloc(4)
  head[0] = address === undefined ? 0x20 : 0x21
  head[1] = address === undefined ? 0 : isIPv4(address) ? 0x11 : 0x21
  const ip = address === undefined ? Buffer.alloc(0) : bytesOf(address)
  const ports = Buffer.alloc(address === undefined ? 0 : 4)
  if (address !== undefined) ports.writeUInt16BE(port, 0)
  const tlv = Buffer.alloc(tlvBytes, 0xee)
  const tail = Buffer.concat([ip, ip, ports, tlv])
  head.writeUInt16BE(tail.length, 2)
  return Buffer.concat([signature, head, tail])
}

function bytesOf(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
