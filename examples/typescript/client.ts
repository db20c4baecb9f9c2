/** Asks the demo service of a daemon on this machine; the port is 7400 unless an argument names another. */
import { connect } from '@shardwire/client'

await using connection = await connect({ host: '127.0.0.1', port: Number(process.argv[2] ?? 7400) })
const answer = await connection.request(1, new TextEncoder().encode('hello')) // route 1 is echo
console.log(new TextDecoder().decode(answer))
console.log(await connection.requestMsgpack(2, { uid: 'a', val: 'world' })) // route 2 is greet
