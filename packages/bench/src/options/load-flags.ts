/**
 * Owns the flags that say what a load is: those of `run`, and of every command that makes loads.
 * Must not know: how a load is made.
 * Invariant: see Flag.
 */
import { SEED_MAX } from '../random.ts'
import { PERCENTILES, percentileOf } from '../run/percentiles.ts'
import { ADDRESSES_EXPECTED, parseAddresses, parseSources, SOURCES_EXPECTED } from './address-spec.ts'
import {
  alternatives,
  choice,
  decimal,
  fileName,
  flag,
  list,
  optional,
  secondsAsMs,
  toggle,
  whole,
  wholeOf,
} from './flag.ts'
import { MIX_EXPECTED, parseMix } from './mix-spec.ts'
import { OBJECTIVE_EXPECTED, parseObjective } from './objective.ts'
import { parseRate, RATE_EXPECTED } from './rate-spec.ts'
import { parseSizes, SIZES_EXPECTED } from './size-spec.ts'
import { parseTarget, TARGET_DEFAULT } from './target.ts'

export const CONNECTIONS_MAX = 1_000_000
export const DEPTH_MAX = 65_536
export const DURATION_S_MAX = 86_400
export const WARMUP_S_MAX = 3600
export const PROCESSES_MAX = 256
/** Connections times depth: every frame in flight costs a load process some thirty bytes. */
export const IN_FLIGHT_MAX = 16_777_216

const PERCENTILES_EXPECTED = alternatives(PERCENTILES.map(({ percent }) => percent))

export const TARGET_FLAG = {
  target: flag(
    { value: 'URL', expected: 'tcp://HOST:PORT', example: TARGET_DEFAULT, help: 'server under load' },
    TARGET_DEFAULT,
    parseTarget,
  ),
}

/** What is sent, and how it is waited for. */
export const TRAFFIC_FLAGS = {
  codec: choice(['frame', 'json', 'line', 'raw'], 'frame', 'what the server speaks; all it must do is echo', 'CODEC'),
  mode: choice(['message', 'request'], 'message', 'MESSAGE and its echo, or REQUEST and RESPONSE', 'MODE'),
  route: whole(1, 4095, '1', 'route that answers with the same bytes'),
  payloadBytes: flag(
    {
      value: 'SIZES',
      expected: SIZES_EXPECTED,
      example: '64-4096',
      help: 'payload of a frame: N, MIN-MAX or 64:8,1024:2',
    },
    '64',
    parseSizes,
  ),
  mix: optional(
    { value: 'MIX', expected: MIX_EXPECTED, example: 'echo:95,digest:5', help: 'several routes at once, as REQUESTs' },
    parseMix,
  ),
}

/** How much of it, for how long, from how many processes. */
export const LOAD_FLAGS = {
  ...TARGET_FLAG,
  connections: whole(1, CONNECTIONS_MAX, '64', 'connections over all load processes'),
  depth: whole(1, DEPTH_MAX, '16', 'frames that each connection keeps in flight, or with --rate may have'),
  rate: optional(
    {
      value: 'RATE',
      expected: RATE_EXPECTED,
      example: '50000',
      help: 'open loop: messages a second, A..B, or AxS,BxS',
    },
    parseRate,
  ),
  arrivals: choice(['constant', 'poisson'], 'constant', 'how due moments are spread in an open loop', 'KIND'),
  ...TRAFFIC_FLAGS,
  durationS: secondsAsMs(0.05, DURATION_S_MAX, '10', 'time measured'),
  warmupS: secondsAsMs(0, WARMUP_S_MAX, '1', 'load before it, not measured'),
  drainS: secondsAsMs(0, WARMUP_S_MAX, '5', 'time for answers after it'),
  processes: whole(1, PROCESSES_MAX, '1', 'load processes; each can fill one core', 'N', '2'),
  pacing: choice(['auto', 'spin', 'timer'], 'auto', 'how an open loop waits; spin is exact and takes a core', 'HOW'),
  seed: optional(
    { value: 'N', expected: `a whole number from 0 to ${SEED_MAX}`, example: '7', help: 'makes a load repeatable' },
    (text) => wholeOf(text, 0, SEED_MAX),
  ),
}

/** What runs beside the load. */
export const BESIDE_FLAGS = {
  idle: whole(0, CONNECTIONS_MAX, '0', 'idle connections held beside the load, by processes of their own', 'N', '1000'),
  churn: decimal(0, 100_000, '0', 'connections a second that come, ask for one echo, and go', 'RATE'),
  churnClose: choice(['fin', 'reset'], 'fin', 'how these connections end', 'HOW'),
  slow: whole(0, 10_000, '0', 'connections that ask without end and hardly read the answers', 'N', '10'),
  slowBytes: whole(1, 1_000_000, '1024', 'what each of these reads a second', 'N'),
}

/** A server of the command's own. */
export const DAEMON_FLAG = {
  daemon: optional(
    {
      value: 'FILE|auto',
      expected: 'auto, or the main file of a daemon',
      example: 'auto',
      help: 'auto, or the main file of a daemon: start one for it, and end it afterwards',
    },
    (text) => (text === '' ? undefined : text),
  ),
}

/** Where connections come from and go to. */
export const ADDRESS_FLAGS = {
  sourceAddresses: flag(
    { value: 'LIST', expected: SOURCES_EXPECTED, example: '127.1.0.1-127.1.0.50', help: 'addresses to connect from' },
    'auto',
    parseSources,
  ),
  targetAddresses: optional(
    {
      value: 'LIST',
      expected: ADDRESSES_EXPECTED,
      example: '127.0.0.1-127.0.0.9',
      help: "addresses in the target's place",
    },
    parseAddresses,
  ),
  connecting: whole(1, 65_536, '128', 'connects under way at once'),
}

/** What is asked of the numbers. */
export const JUDGE_FLAGS = {
  percentile: flag(
    {
      value: 'P',
      expected: PERCENTILES_EXPECTED,
      example: '99.9',
      help: `${PERCENTILES_EXPECTED}: percentile that must have samples enough`,
    },
    '99',
    (text) => percentileOf(text)?.percent,
  ),
  slo: list(
    { value: 'LIMIT', expected: OBJECTIVE_EXPECTED, example: 'p99.9<10ms', help: 'objective; exit code 1 when missed' },
    parseObjective,
  ),
}

/** Where a command's words come from, and where its report goes. */
export const COMMON_FLAGS = {
  config: fileName('flags from a JSON file', 'load.json'),
  json: fileName('write the report as JSON; - is standard output', 'run.json'),
  html: fileName('write the report as one HTML page', 'run.html'),
  out: optional(
    { value: 'DIR', expected: 'a directory', example: 'results', help: 'write it in every form into a directory' },
    (text) => (text === '' ? undefined : text),
  ),
  quiet: toggle('quiet', 'no progress, only the report'),
}
