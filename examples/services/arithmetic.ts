/** The smallest service: numbers by msgpack, bytes as they are. */
import { defineService, route } from '@shardwire/server'

export default defineService({
  name: 'arithmetic',
  routes: {
    // Bodies are msgpack unless told otherwise; what is returned is the answer, what is thrown becomes an ERROR frame.
    double: route(1, ({ body }) => Number(body) * 2),
    // Bytes are a view of the read buffer, good until the handler returns; forward() answers with them as they came.
    echo: route(2, { body: 'bytes' }, (request) => request.forward()),
  },
})
