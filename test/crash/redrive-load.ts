/** The program that is killed: sends dead letters back until none is left. */
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { orders, say } from './orders.ts'

export interface RedriveOrders {
  readonly path: string
}

const { path } = orders() as RedriveOrders
const store = levelStore(path)
const letters = new Queue('dead', { store })
await letters.count()
say('OPEN')
const { redriven, skipped } = await letters.redrive({ by: 'the program' })
say('BACK', `${redriven} ${skipped}`)
await store.close()
