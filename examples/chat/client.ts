/** Chats: `client.ts name [port]`. Says each line of standard input, and prints what is said. */
import { createInterface } from 'node:readline'
import { connect, type Message } from '@shardwire/client'
import { decodeBody } from '@shardwire/protocol'

const [name = 'somebody', port = '7400'] = process.argv.slice(2)
const SAY = 1
const SAID = 10

function print({ route, body }: Message): void {
  if (route !== SAID) return
  const { who, text } = decodeBody(body, 0, body.length) as { readonly who?: string; readonly text: string }
  console.log(who === undefined ? `* ${text}` : `${who}: ${text}`)
}

await using connection = await connect({
  host: '127.0.0.1',
  port: Number(port),
  hello: { name: 'chat', token: name },
  onMessage: print,
  onError: (error) => console.error(error.message),
})
void connection.closed.then(() => process.exit())
for await (const line of createInterface({ input: process.stdin })) connection.sendMsgpack(SAY, line)
