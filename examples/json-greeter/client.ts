/** The same as client.go: one object without a newline, one line back. Arguments: who, host, port. */
import { connect } from 'node:net'

const [who = 'pixelpig!', host = '127.0.0.1', port = '7402'] = process.argv.slice(2)
const socket = connect({ host, port: Number(port) })
socket.write(JSON.stringify({ Uid: 'pixel-1', Val: who }))

let text = ''
for await (const chunk of socket.setEncoding('utf8')) {
  text += String(chunk)
  if (text.includes('\n')) break
}
const { uid, val, error } = JSON.parse(text) as { uid: string; val?: string; error?: { message: string } }
console.log(`${uid}: ${val ?? error?.message}`)
