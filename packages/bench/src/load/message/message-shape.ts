/**
 * Owns the forms of messages of a load: what is sent, and what must come back, for each codec.
 * Must not know: connections, when anything is sent.
 * Invariant: a shape with a `check` has one right answer, byte for byte; one without (JSON, routes whose answer is not
 * known beforehand) is judged by whoever reads the answer.
 */
import { KIND_MESSAGE, KIND_REQUEST, KIND_RESPONSE } from '@shardwire/protocol'

import type { LoadPlan, TrafficShape } from '../../messages.ts'
import { AnswerCheck } from './answer-check.ts'
import { FrameTemplate } from './frame-template.ts'
import { letters } from './template.ts'
import type { Template } from './template.ts'
import { jsonRequest, textMessage } from './text-template.ts'

export interface MessageShape {
  readonly form: TrafficShape
  readonly request: Template
  /** Null where the right answer is not known byte for byte. */
  readonly check: AnswerCheck | null
}

/** @param slab where answers are read into */
export function messageShapes({ codec, mode, traffic }: LoadPlan, slab: Uint8Array): MessageShape[] {
  return traffic.shapes.map((form): MessageShape => {
    switch (codec) {
      case 'frame':
        return frameShape(mode === 'request', form, slab)
      case 'json':
        return { form, request: jsonRequest(form.route, form.payloadBytes), check: null }
      case 'line':
      case 'raw': {
        const request = textMessage(form.payloadBytes, codec === 'line' ? '\n' : '')
        return { form, request, check: new AnswerCheck(request, slab) }
      }
    }
  })
}

function frameShape(isRequest: boolean, form: TrafficShape, slab: Uint8Array): MessageShape {
  const { route, answer } = form
  const body = form.body === null ? letters(form.payloadBytes) : Buffer.from(form.body, 'hex')
  const isStamped = form.body === null
  const request = new FrameTemplate({ kind: isRequest ? KIND_REQUEST : KIND_MESSAGE, route, body, isStamped })
  if (answer === 'any') return { form, request, check: null }
  const kind = isRequest ? KIND_RESPONSE : KIND_MESSAGE
  const isEcho = answer === 'echo'
  const echoed = isEcho ? body : Buffer.from(answer, 'hex')
  const template = new FrameTemplate({ kind, route, body: echoed, isStamped: isStamped && isEcho })
  return { form, request, check: new AnswerCheck(template, slab) }
}
