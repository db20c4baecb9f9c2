/**
 * Owns holding a codec to its rules, without a connection: the same stream is shown to it whole, cut at every point and
 * byte by byte, and must come to the same. For tests of users' codecs as for those of this package; needs no test
 * framework: what is wrong is thrown.
 * Must not know: any codec.
 * Invariant: a codec is driven as a worker drives it. The bytes stand elsewhere each time, and those behind `end` are
 * the ones that will come: who reads too far finds what has not come yet, and is caught.
 */
import { FRAME_BYTES_MAX_DEFAULT, FRAME_TOO_LARGE, type ShardwireError } from '@shardwire/protocol'
import { isDeepStrictEqual } from 'node:util'
import type { Codec } from './codec.ts'
import { DECODED_BROKEN, DECODED_GAP, DECODED_LIFE, DECODED_MESSAGE, DECODED_NOTHING, Reading } from './reading.ts'
import { CODEC_OVERHEAD_BYTES } from './spoken-codec.ts'
import { Writer } from './writer.ts'

/** One thing that a codec finds in a stream. Of `body` and `value` the one that it carries. */
export interface CodecFinding {
  /** What the body says; bytes are compared as such. */
  readonly body?: string | Uint8Array
  readonly value?: unknown
  /** Name or number of the route, where the message names one. */
  readonly route?: string | number
  readonly tag?: unknown
  readonly wantsAnswer?: boolean
  /** In the place of all others: a sign of life, and what it is answered with, '' for nothing. */
  readonly life?: string
}

/** How a stream ends: nothing is left, a message is cut, or it is broken, with a code of the error table. */
export type CodecEnd = 'whole' | 'cut' | number

export interface CodecFixture {
  readonly name: string
  /** A text stands for its UTF-8. */
  readonly stream: string | Uint8Array
  /** What is in it, in order, gaps left out. */
  readonly finds: readonly CodecFinding[]
  /** 'whole' unless set. */
  readonly ends?: CodecEnd
}

/** What came of a stream. */
export interface CodecReplay {
  readonly finds: readonly CodecFinding[]
  readonly ends: CodecEnd
  /** Why it is broken. */
  readonly detail: string
}

export interface ReplayOptions {
  /** What the codec was made with; the default of SHARDWIRE_MAX_FRAME_BYTES unless set. */
  readonly messageBytesMax?: number
  /** Whether what the codec calls a value is put through its `bodyFor`, for a route of this name. */
  readonly bodyForRoute?: string
}

/** Throws an Error that names the fixture, how it was cut and what was found, for the first that does not come out. */
export function checkCodec(codec: Codec, fixtures: readonly CodecFixture[], options: ReplayOptions = {}): void {
  for (const { name, stream, finds, ends = 'whole' } of fixtures) {
    const bytes = bytesOf(stream)
    const expected = { finds: finds.map(normalized), ends }
    for (const [how, parts] of everyCut(bytes)) {
      const { detail, ...got } = replayCodec(codec, parts, options)
      if (isDeepStrictEqual({ ...got, finds: got.finds.map(normalized) }, expected)) continue
      throw new Error(`${name}, ${how}: expected ${shown(expected)}, got ${shown(got)} ${detail}`)
    }
  }
}

/** Shows the parts to the codec, one after the other, and then a FIN. Throws where it breaks a rule. */
export function replayCodec(codec: Codec, parts: readonly Uint8Array[], options: ReplayOptions = {}): CodecReplay {
  const stream = new StreamReplay(codec, parts, options)
  for (const part of parts) stream.arrive(part.length)
  return stream.finish()
}

/** The bytes of an answer, as the codec writes them. */
export function encodeAnswerWith(
  codec: Codec,
  answer: {
    readonly body?: string | Uint8Array
    readonly value?: unknown
    readonly tag?: unknown
    readonly route?: string
  },
  messageBytesMax = FRAME_BYTES_MAX_DEFAULT,
): Uint8Array {
  const writer = new Writer()
  writer.begin(messageBytesMax + CODEC_OVERHEAD_BYTES)
  const body = bytesOf(answer.body ?? '')
  // Not at the beginning of its memory, nor to its end.
  const memory = Buffer.concat([Buffer.from('<<'), body, Buffer.from('>>')])
  const { value, tag, route = '' } = answer
  codec.encodeAnswer(writer, { route, tag, value, memory, start: 2, end: 2 + body.length })
  return written(writer)
}

/** The bytes of an error; undefined where the codec has no form for them. */
export function encodeErrorWith(codec: Codec, error: ShardwireError, tag?: unknown): Uint8Array | undefined {
  if (codec.encodeError === undefined) return undefined
  const writer = new Writer()
  writer.begin(FRAME_BYTES_MAX_DEFAULT)
  codec.encodeError(writer, error, tag)
  return written(writer)
}

function written(writer: Writer): Uint8Array {
  return Uint8Array.from(writer.memory.subarray(0, writer.length))
}

class StreamReplay {
  readonly #codec: Codec
  readonly #options: ReplayOptions
  readonly #reading = new Reading()
  /** All that will ever come. */
  readonly #stream: Uint8Array
  readonly #bytesMax: number
  readonly #finds: CodecFinding[] = []
  /** Bytes that were taken, and that have come. */
  #taken = 0
  #came = 0
  #state: unknown = undefined
  #isFirst = true
  #broken = 0
  #detail = ''
  /** How often bytes were shown: each time they stand elsewhere. */
  #times = 0

  constructor(codec: Codec, parts: readonly Uint8Array[], options: ReplayOptions) {
    this.#codec = codec
    this.#options = options
    this.#stream = Buffer.concat(parts)
    this.#bytesMax = (options.messageBytesMax ?? FRAME_BYTES_MAX_DEFAULT) + CODEC_OVERHEAD_BYTES
  }

  arrive(bytes: number): void {
    this.#came += bytes
    while (this.#taken < this.#came && this.#broken === 0 && this.#step(false));
  }

  finish(): CodecReplay {
    if (this.#broken === 0 && this.#taken < this.#came && this.#codec.end !== undefined) this.#step(true)
    const ends = this.#broken !== 0 ? this.#broken : this.#taken < this.#came ? 'cut' : 'whole'
    return { finds: this.#finds, ends, detail: this.#detail }
  }

  /** @returns whether something was found */
  #step(isEnd: boolean): boolean {
    const reading = this.#reading
    const start = 1 + (this.#times++ % 7)
    const memory = this.#shown(start)
    const before = Buffer.from(memory)
    const end = start + this.#came - this.#taken
    reading.show(memory, start, end, this.#state, this.#isFirst)
    const decoded = isEnd ? this.#codec.end?.(reading) : this.#codec.decode(reading)
    if (Buffer.compare(before, memory) !== 0) throw new Error('the codec wrote into the memory that it was shown')
    if (decoded === DECODED_NOTHING) return this.#cut(end - start)
    this.#state = undefined
    this.#isFirst = false
    if (decoded === DECODED_BROKEN) return this.#broke(reading.brokenCode, reading.brokenDetail)
    if (decoded !== DECODED_MESSAGE && decoded !== DECODED_LIFE && decoded !== DECODED_GAP) {
      throw new Error(`the codec returned ${String(decoded)} instead of what a method of reading returns`)
    }
    this.#assertBounds(start, end)
    this.#taken += reading.next - start
    if (decoded === DECODED_LIFE) this.#finds.push({ life: textOf(memory, reading.bodyStart, reading.bodyEnd) })
    else if (decoded === DECODED_MESSAGE) this.#finds.push(this.#message(memory))
    return true
  }

  /** What has come and was not taken, between what was taken before and what will come. */
  #shown(start: number): Uint8Array {
    const memory = new Uint8Array(start + this.#stream.length - this.#taken)
    memory.fill(this.#stream[this.#taken - 1] ?? 0, 0, start)
    memory.set(this.#stream.subarray(this.#taken), start)
    return memory
  }

  #cut(bytes: number): false {
    const { state, bytesNeeded } = this.#reading
    if (bytesNeeded !== 0 && bytesNeeded <= bytes) {
      throw new Error(`the codec needs ${bytesNeeded} bytes, and has ${bytes}`)
    }
    this.#state = state
    if (bytes >= this.#bytesMax || bytesNeeded > this.#bytesMax) this.#broke(FRAME_TOO_LARGE, 'beyond the limit')
    return false
  }

  #broke(code: number, detail: string): false {
    if (code === 0) throw new Error('the codec says that the stream is broken, without a code')
    this.#broken = code
    this.#detail = detail
    return false
  }

  #assertBounds(start: number, end: number): void {
    const { next, bodyStart, bodyEnd } = this.#reading
    if (next > start && next <= end && bodyStart >= start && bodyStart <= bodyEnd && bodyEnd <= end) return
    const [told, body] = [next - start, `${bodyStart - start} to ${bodyEnd - start}`]
    throw new Error(`of ${end - start} bytes the codec took ${told}, with a body from ${body}`)
  }

  #message(memory: Uint8Array): CodecFinding {
    const { route, tag, wantsAnswer, bodyStart, bodyEnd, found } = this.#reading
    const { bodyForRoute } = this.#options
    const value = bodyForRoute === undefined ? found : this.#codec.bodyFor?.(found, bodyForRoute)
    const body =
      this.#codec.carries === 'values' ? { value } : { body: Uint8Array.from(memory.subarray(bodyStart, bodyEnd)) }
    return {
      ...body,
      ...(route === undefined ? {} : { route }),
      ...(tag === undefined ? {} : { tag }),
      ...(wantsAnswer ? { wantsAnswer } : {}),
    }
  }
}

/** Whole, cut in two at every point, and byte by byte. */
function* everyCut(bytes: Uint8Array): Iterable<readonly [how: string, parts: Uint8Array[]]> {
  yield ['whole', [bytes]]
  for (let at = 1; at < bytes.length; at++) yield [`cut at byte ${at}`, [bytes.subarray(0, at), bytes.subarray(at)]]
  yield ['byte by byte', Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))]
}

/** Two that mean the same are the same. */
function normalized(finding: CodecFinding): CodecFinding {
  const { body, wantsAnswer, ...others } = finding
  return {
    ...others,
    ...(body === undefined ? {} : { body: Buffer.from(bytesOf(body)).toString('latin1') }),
    ...(wantsAnswer === true ? { wantsAnswer } : {}),
  }
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? new TextEncoder().encode(text) : text
}

function textOf(memory: Uint8Array, start: number, end: number): string {
  return Buffer.from(memory.subarray(start, end)).toString()
}

function shown({ finds, ends }: Omit<CodecReplay, 'detail'>): string {
  const texts = finds.map(({ body, ...others }) => {
    return JSON.stringify(body === undefined ? others : { body: Buffer.from(bytesOf(body)).toString(), ...others })
  })
  return `[${texts.join(', ')}] and ${typeof ends === 'number' ? `error ${ends}` : ends}`
}
