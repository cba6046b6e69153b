/** A program that opens a directory, says what came of it, and holds it until it is killed. */
import { HoldfastError, Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface OpeningOrders {
  readonly path: string
}

const { path } = orders() as OpeningOrders
const queue = new Queue('opening', { store: levelStore(path) })
try {
  await queue.add('one', 1)
  say('OPEN')
  setInterval(() => {}, 1000)
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error
  say('REFUSED', error.code, error.outcome, error.message)
}
