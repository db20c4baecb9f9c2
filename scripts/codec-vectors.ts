/**
 * Owns docs/codec-vectors.json: `node scripts/codec-vectors.ts` writes it anew from the list below.
 * Must not know: what the tests do with it.
 * Invariant: the same source gives the same bytes of the file, so a test can tell when the two are out of step.
 */
import { writeFileSync } from 'node:fs'

/** Where the vectors are published. */
export const CODEC_VECTORS_FILE = new URL('../docs/codec-vectors.json', import.meta.url)

/** A stream of codec json, and what the demo service answers. */
export interface JsonVector {
  readonly name: string
  /** What a client sends: a text, or hex where it is no UTF-8. */
  readonly stream?: string
  readonly streamHex?: string
  /**
   * One line each, without the newline; in any order for handlers that take their time. `*` stands for any ts and any
   * message; an error may have more members.
   */
  readonly answers: readonly string[]
  /** Whether the server closes by itself. */
  readonly closes?: true
  /** Objects that were but a sign of life. */
  readonly lifeSigns?: number
}

export interface CodecVectors {
  readonly json: readonly JsonVector[]
}

const hello = (uid: string, who: string): string => `{${uid}"val":"server: hello, ${who}","ts":"*"}`
const val = (uid: string, json: string): string => `{${uid}"val":${json},"ts":"*"}`
const error = (uid: string, code: number, name: string): string => {
  return `{${uid}"error":{"code":${code},"name":"${name}","message":"*","retryable":false}}`
}
const BAD_FRAME = error('', 1, 'BAD_FRAME')

const REQUESTS: readonly JsonVector[] = [
  {
    name: 'one object, its keys in capitals, without a newline',
    stream: '{"Uid":"pixel-1","Val":"pixelpig!"}',
    answers: [hello('"uid":"pixel-1",', 'pixelpig!')],
  },
  {
    name: 'with a newline, and with CR and LF',
    stream: '{"uid":"a","val":"x"}\n{"uid":"b","val":"y"}\r\n',
    answers: [hello('"uid":"a",', 'x'), hello('"uid":"b",', 'y')],
  },
  {
    name: 'one after another, with nothing between',
    stream: '{"uid":"a","val":"x"}{"uid":"b","val":"y"}{"uid":"c","val":"z"}',
    answers: [hello('"uid":"a",', 'x'), hello('"uid":"b",', 'y'), hello('"uid":"c",', 'z')],
  },
  {
    name: 'blanks, tabs and empty lines between and within',
    stream: ' \t\r\n\n { "uid" : "a" ,\n\t"val" : "x" } \n\n',
    answers: [hello('"uid":"a",', 'x')],
  },
  {
    name: 'a byte order mark at the beginning',
    stream: '\ufeff{"uid":"a","val":"x"}\n',
    answers: [hello('"uid":"a",', 'x')],
  },
  {
    name: 'strings with braces, quotes and backslashes',
    stream: String.raw`{"uid":"}\"{\\","val":"{[\\\"]}\\"}{"uid":"b","val":"}"}`,
    answers: [hello(String.raw`"uid":"}\"{\\",`, String.raw`{[\\\"]}\\`), hello('"uid":"b",', '}')],
  },
  {
    name: 'characters of two, three and four bytes',
    stream: '{"uid":"ü","route":"echo","val":"ß€😀"}',
    answers: [val('"uid":"ü",', '"ß€😀"')],
  },
  {
    name: 'escapes: a pair of surrogates is a character, and comes back as one',
    stream: String.raw`{"uid":"\u00fc","route":"echo","val":"\ud83d\ude00\u0000\n"}`,
    answers: [val('"uid":"ü",', String.raw`"😀\u0000\n"`)],
  },
  {
    name: 'a route by its number, and by its name',
    stream: '{"uid":1,"route":1,"val":"x"}{"uid":2,"route":"echo","val":"y"}',
    answers: [val('"uid":1,', '"x"'), val('"uid":2,', '"y"')],
  },
  {
    name: 'an empty body, and none',
    stream: '{"uid":"a","route":"echo","val":""}{"uid":"b","route":"echo"}{"uid":"c","route":"echo","val":null}',
    answers: [val('"uid":"a",', '""'), val('"uid":"b",', '""'), val('"uid":"c",', '""')],
  },
  {
    name: 'a handler that returns nothing answers null',
    stream: '{"uid":"a","route":"sleep","val":{"ms":0}}',
    answers: [val('"uid":"a",', 'null')],
  },
]

const UIDS: readonly JsonVector[] = [
  {
    name: 'numbers come back digit for digit',
    stream: ['0', '-0', '1.0', '1e3', '1E+3', '12345678901234567890', '0.1000', '-1.5e-300', '9007199254740993']
      .map((uid) => `{"uid":${uid},"route":"echo","val":"x"}`)
      .join('\n'),
    answers: ['0', '-0', '1.0', '1e3', '1E+3', '12345678901234567890', '0.1000', '-1.5e-300', '9007199254740993'].map(
      (uid) => val(`"uid":${uid},`, '"x"'),
    ),
  },
  {
    name: 'greet, too, is answered with the digits that came',
    stream: '{"uid":18446744073709551615,"val":"x"}',
    answers: [hello('"uid":18446744073709551615,', 'x')],
  },
  {
    name: 'absent, or null, is absent in the answer',
    stream: '{"val":"x"}{"uid":null,"val":"y"}{"route":"echo","val":"z"}',
    answers: [hello('', 'x'), hello('', 'y'), val('', '"z"')],
  },
  {
    name: 'the same one twice is answered twice',
    stream: '{"uid":"a","val":"x"}{"uid":"a","val":"y"}',
    answers: [hello('"uid":"a",', 'x'), hello('"uid":"a",', 'y')],
  },
  {
    name: 'anything else is a bad body, answered without it',
    stream: '{"uid":true,"val":"x"}{"uid":{"a":1},"val":"x"}{"uid":"ok","val":"y"}',
    answers: [error('', 4, 'BAD_BODY'), error('', 4, 'BAD_BODY'), hello('"uid":"ok",', 'y')],
  },
]

const KEYS: readonly JsonVector[] = [
  {
    name: 'the last one wins, by case and by repetition',
    stream: '{"uid":1,"UID":2,"uid":3,"val":"a","VAL":"b","Route":"fail","route":"echo"}',
    answers: [val('"uid":3,', '"b"')],
  },
  {
    name: 'the last one wins, also where the first spelling comes again before it',
    stream: '{"uid":1,"uid":2,"UID":3,"Val":"a","val":"b","Val":"c","val":"d","route":"echo"}',
    answers: [val('"uid":3,', '"d"')],
  },
  {
    name: 'a key that is written with escapes is the same key',
    stream: String.raw`{"\u0075id":7,"\u0056al":"x","route":"echo"}`,
    answers: [val('"uid":7,', '"x"')],
  },
  {
    name: 'those within a value do not count, and others are ignored',
    stream: '{"uid":1,"x":{"uid":2,"val":"no"},"val":"yes","route":"echo","priority":9,"__proto__":{"val":"no"}}',
    answers: [val('"uid":1,', '"yes"')],
  },
  {
    name: '__proto__ in a body is refused at any depth, also with escapes',
    stream: [
      '{"uid":1,"route":"sleep","val":{"ms":0,"__proto__":{}}}',
      String.raw`{"uid":2,"route":"sleep","val":[{"\u005f_proto__":1}]}`,
      '{"uid":3,"val":"__proto__"}',
    ].join(''),
    answers: [error('"uid":1,', 4, 'BAD_BODY'), error('"uid":2,', 4, 'BAD_BODY'), hello('"uid":3,', '__proto__')],
  },
]

const LIFE: readonly JsonVector[] = [
  {
    name: 'an object with neither uid nor val is a sign of life, and not answered',
    stream: '{}{"ping":1}{"route":"echo"}{"uid":"a","val":"x"}',
    answers: [hello('"uid":"a",', 'x')],
    lifeSigns: 3,
  },
]

const ERRORS: readonly JsonVector[] = [
  {
    name: 'a route that is not there, and what is no route',
    stream:
      '{"uid":1,"route":"nope","val":"x"}{"uid":2,"route":4095}' +
      '{"uid":3,"route":9.5}{"uid":4,"route":[]}{"uid":5,"val":"x"}',
    answers: [...[1, 2, 3, 4].map((uid) => error(`"uid":${uid},`, 5, 'UNKNOWN_ROUTE')), hello('"uid":5,', 'x')],
  },
  {
    name: 'a body that its route does not take',
    stream: '{"uid":1,"route":"echo","val":5}{"uid":2,"val":5}{"uid":3,"route":"echo","val":"\\ud800"}',
    answers: [1, 2, 3].map((uid) => error(`"uid":${uid},`, 4, 'BAD_BODY')),
  },
  {
    name: 'a handler that fails',
    stream: '{"uid":"a","route":"fail","val":1}{"uid":"b","val":"x"}',
    answers: [error('"uid":"a",', 15, 'HANDLER_FAILED'), hello('"uid":"b",', 'x')],
  },
]

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

const BROKEN: readonly JsonVector[] = [
  { name: 'text that is no object', stream: 'hello', answers: [BAD_FRAME], closes: true },
  { name: 'an array', stream: '[{"uid":1,"val":"x"}]', answers: [BAD_FRAME], closes: true },
  { name: 'a string, a number', stream: '"uid"', answers: [BAD_FRAME], closes: true },
  {
    name: 'what came before is answered, what comes after is not',
    stream: '{"uid":1,"val":"x"},{"uid":2,"val":"y"}',
    answers: [hello('"uid":1,', 'x'), BAD_FRAME],
    closes: true,
  },
  { name: 'an object that is no JSON', stream: "{'uid':1}", answers: [BAD_FRAME], closes: true },
  { name: 'an object whose bracket closes another', stream: '{"uid":[1}}', answers: [BAD_FRAME], closes: true },
  { name: 'a comma too many', stream: '{"uid":1,"val":"x",}', answers: [BAD_FRAME], closes: true },
  { name: 'bytes that are no UTF-8', streamHex: '7b2276616c223a22ff227d', answers: [BAD_FRAME], closes: true },
  {
    name: 'half a surrogate pair as UTF-8',
    streamHex: '7b2276616c223a22eda080227d',
    answers: [BAD_FRAME],
    closes: true,
  },
  {
    name: 'a byte order mark between objects',
    stream: '{"val":"x"}\ufeff{}',
    answers: [hello('', 'x'), BAD_FRAME],
    closes: true,
  },
  {
    name: 'depth 64 is served, one more is not: an object is depth 1, what is in it 2',
    stream: `{"uid":1,"route":"fail","val":${nested(63)}}{"uid":2,"val":${nested(64)}}`,
    answers: [error('"uid":1,', 15, 'HANDLER_FAILED'), BAD_FRAME],
    closes: true,
  },
  { name: 'brackets that never close', stream: `{"val":${'['.repeat(200)}`, answers: [BAD_FRAME], closes: true },
]

/** The text of the file: one vector a line, so that a change shows as a line. */
export function codecVectors(): string {
  const lists = { json: [...REQUESTS, ...UIDS, ...KEYS, ...LIFE, ...ERRORS, ...BROKEN] } satisfies CodecVectors
  const members = Object.entries(lists).map(([name, list]) => {
    return `  ${JSON.stringify(name)}: [\n${list.map((vector) => `    ${JSON.stringify(vector)}`).join(',\n')}\n  ]`
  })
  return `{\n${members.join(',\n')}\n}\n`
}

if (import.meta.main) writeFileSync(CODEC_VECTORS_FILE, codecVectors())
