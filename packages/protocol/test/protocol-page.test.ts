/** docs/protocol.md: its examples are real frames, its numbers are those of the source. */
import { readFileSync } from 'node:fs'
import {
  BODY_LIMITS_DEFAULT,
  CONTROL_BYTES_MAX,
  CONTROL_LIMITS,
  CONTROL_TEXT_LENGTH_MAX,
  encodeFrame,
  ERROR_BODY_BYTES_MAX,
  ERROR_MESSAGE_LENGTH_MAX,
  FRAME_BYTES_MAX_DEFAULT,
  KIND_MESSAGE,
  KIND_NAMES,
  KIND_REQUEST,
  META_BYTES_MAX,
  META_DEPTH_MAX,
  PING_BYTES_MAX,
  TOKEN_BYTES_MAX,
} from '@shardwire/protocol'
import { expect, test } from 'vitest'
import { toHex } from '../../../scripts/protocol-vectors/vector.ts'

const PAGE = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

/** The hex cells of the tables under "An example byte by byte", one string a table. */
function exampleFrames(): string[] {
  const [, section = ''] = PAGE.split('### An example byte by byte')
  const [text = ''] = section.split('\n## ')
  return text
    .split('| offset | hex | what |')
    .slice(1)
    .map((table) => {
      return Array.from(table.matchAll(/^\| \d+ \| `([0-9A-F ]+)` \|/gm), ([, hex = '']) => hex).join(' ')
    })
}

test('the examples byte by byte are the frames that the encoder writes', () => {
  const body = Uint8Array.of(0x78)
  const frames = [
    encodeFrame({ kind: KIND_MESSAGE, route: 1, body }),
    encodeFrame({ kind: KIND_REQUEST, route: 1, id: 1, body }),
  ]
  expect(exampleFrames().map((hex) => hex.replaceAll(' ', '').toLowerCase())).toEqual(frames.map(toHex))
})

test('the kinds are those of the source', () => {
  const rows = [...PAGE.matchAll(/^\| (\d) \| ([A-Z]+) \| (?:-|yes) \| (?:may|never) \|/gm)]
  expect(rows.map(([, kind]) => KIND_NAMES[Number(kind)])).toEqual(rows.map(([, , name]) => name))
  expect(rows).toHaveLength(6)
})

test('the limits are those of the source', () => {
  const control = `depth ${CONTROL_LIMITS.depthMax}, ${CONTROL_LIMITS.elementsMax} elements`
  const rows = [
    `| payload | \`maxFrameBytes\`, ${FRAME_BYTES_MAX_DEFAULT} by default |`,
    `| metadata block | ${META_BYTES_MAX} bytes, depth ${META_DEPTH_MAX} |`,
    `| PING, PONG | ${PING_BYTES_MAX} bytes |`,
    `| HELLO, WELCOME, GOAWAY | ${CONTROL_BYTES_MAX} bytes, ${control} |`,
    `| name, version, server, connection, reason | ${CONTROL_TEXT_LENGTH_MAX} characters |`,
    `| token | ${TOKEN_BYTES_MAX} bytes |`,
    `| msgpack body | depth ${BODY_LIMITS_DEFAULT.depthMax}, ${BODY_LIMITS_DEFAULT.elementsMax} elements, by default |`,
    `| message of an ERROR | ${ERROR_MESSAGE_LENGTH_MAX} characters |`,
    `| body of an ERROR | ${ERROR_BODY_BYTES_MAX} bytes |`,
  ]
  for (const row of rows) expect(PAGE).toContain(row)
})

test('every link within the page leads to a heading', () => {
  const headings = Array.from(PAGE.matchAll(/^#+ (.+)$/gm), ([, title = '']) =>
    title.toLowerCase().replaceAll(' ', '-'),
  )
  for (const [, anchor] of PAGE.matchAll(/\]\(#([^)]+)\)/g)) expect(headings).toContain(anchor)
})
