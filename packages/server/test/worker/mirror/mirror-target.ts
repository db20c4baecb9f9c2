/** Owns targets of a mirror over real sockets, for a shard in this process on a fake clock. */
import { encodeWelcome, KIND_CONTROL, OPCODE_HELLO, OPCODE_WELCOME } from '@shardwire/protocol'
import { eventually, type ReceivedFrame, type Script, ScriptedPeer } from '@shardwire/testkit'
import type { MirrorCounters } from '../../../src/worker/mirror/mirror-counters.ts'
import type { FakeShard } from '../fake-shard.ts'

export function welcome(maxFrameBytes = 1_048_576): Uint8Array {
  const server = { server: 'target', connection: 't-1', shard: 0 }
  return encodeWelcome({ protocol: 1, ...server, maxFrameBytes, heartbeatMs: 0 })
}

export function isHello({ kind, route }: ReceivedFrame): boolean {
  return kind === KIND_CONTROL && route === OPCODE_HELLO
}

/** Says WELCOME, and then does what the script says. */
export function welcoming(script: Script, maxFrameBytes?: number): Script {
  return async (frame, connection) => {
    if (isHello(frame)) await connection.write(welcome(maxFrameBytes))
    else await script(frame, connection)
  }
}

/** What has been mirrored to it so far. */
export function mirrored(peer: ScriptedPeer): ReceivedFrame[] {
  return peer.received.filter((frame) => frame.kind !== KIND_CONTROL || frame.route > OPCODE_WELCOME)
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

/** Whether every chosen frame is accounted for. */
export function isBalanced({ sampled, sent, waiting, dropped }: MirrorCounters): boolean {
  return sampled === sent + waiting + sum(dropped)
}

/** Waits until the counters are so. */
export async function until({ shard }: FakeShard, holds: (counters: MirrorCounters) => boolean): Promise<void> {
  await eventually(
    () => holds(shard.counters.mirror),
    () => `it never came to that: ${JSON.stringify(shard.counters.mirror)}`,
  )
}
