/**
 * Owns what a reader of answers needs of a connection, and what a connection needs of it.
 * Must not know: codecs, sockets.
 * Invariant: a reader tells the connection of each answer once, by slot; a stream that broke stays broken.
 */
import type { LoadShared } from '../load-shared.ts'
import type { MessageShape } from '../message/message-shape.ts'

export interface AnsweredConnection {
  /** 0, or the error code that broke the stream. */
  brokenCode: number
  /** Counted over all processes from 0. */
  readonly number: number
  readonly shared: LoadShared
  /** Slot whose answer comes next if answers come in order. */
  readonly slotDue: number
  isInFlight(slot: number): boolean
  /** Sequence number of the slot's last message. */
  sequenceOf(slot: number): number
  shapeOf(slot: number): MessageShape
  /** The slot with that sequence number in flight; -1 when there is none. */
  slotOf(sequence: number): number
  /** The slot's answer is here: counts it and sends what comes next. */
  answered(slot: number): void
  /** The slot will get no answer. */
  failed(slot: number): void
  writeControl(bytes: Uint8Array): void
}

/** Reads the answers of one connection. */
export interface AnswerReader {
  /** @param bytes how many stand at the front of the slab */
  read(bytes: number): void
  /** The connection is gone: gives back what it holds. */
  drop(): void
}

export const NO_SLOT = -1
