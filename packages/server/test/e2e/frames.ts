/** Owns the frames and readings that the end-to-end tests share. */
import { readFileSync } from 'node:fs'
import {
  decodeBody,
  decodeErrorBody,
  encodeBody,
  encodeHello,
  type Frame,
  KIND_ERROR,
  KIND_MESSAGE,
  KIND_REQUEST,
  parseWelcome,
  type ShardwireError,
  type Welcome,
} from '@shardwire/protocol'
import type { RawClient, ReceivedFrame } from '@shardwire/testkit'

export const ROUTE_ECHO = 1
export const ROUTE_GREET = 2
export const ROUTE_DIGEST = 3
export const ROUTE_SLEEP = 4
export const ROUTE_FAIL = 5

export function message(route: number, body: Uint8Array | string): Frame {
  return { kind: KIND_MESSAGE, route, body: bytesOf(body) }
}

export function request(route: number, id: number, body: Uint8Array | string, meta?: Uint8Array): Frame {
  return { kind: KIND_REQUEST, route, id, body: bytesOf(body), ...(meta === undefined ? {} : { meta }) }
}

/** A request of the sleep route. */
export function sleep(id: number, ms: number): Frame {
  return request(ROUTE_SLEEP, id, encodeBody({ ms }))
}

export function bytesOf(body: Uint8Array | string): Uint8Array {
  return typeof body === 'string' ? new TextEncoder().encode(body) : body
}

export function text(frame: ReceivedFrame): string {
  return new TextDecoder().decode(frame.body)
}

export function value(frame: ReceivedFrame): unknown {
  return decodeBody(frame.body, 0, frame.body.length)
}

/** The error that an ERROR frame carries; throws for any other frame. */
export function errorOf(frame: ReceivedFrame): ShardwireError {
  if (frame.kind !== KIND_ERROR) throw new Error(`expected an ERROR, got kind ${frame.kind}`)
  return decodeErrorBody(frame.body, 0, frame.body.length)
}

/** Says HELLO and returns the WELCOME. */
export async function greetServer(client: RawClient): Promise<Welcome> {
  await client.write(encodeHello({ protocol: 1 }))
  const { body } = await client.nextFrame()
  const welcome = parseWelcome(body, 0, body.length)
  if (welcome === undefined) throw new Error('the server sent no WELCOME')
  return welcome
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}

/** Runs `task` for 0 to count-1, `width` at a time. */
export async function inParallel(count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

/** Waits until the server has read everything that the client sent before; nothing may be answered meanwhile. */
export async function settle(client: RawClient): Promise<void> {
  const [first] = await settleAmong(client)
  if (first !== undefined) throw new Error(`expected the PONG, got kind ${first.kind} of route ${first.route}`)
}

/** The same where answers may come meanwhile. @returns those */
export async function settleAmong(client: RawClient): Promise<ReceivedFrame[]> {
  await client.sendFrames({ kind: 7, route: 0, body: bytesOf('settle') })
  const before: ReceivedFrame[] = []
  for (;;) {
    const frame = await client.nextFrame()
    if (frame.kind === 7 && text(frame) === 'settle') return before
    before.push(frame)
  }
}
