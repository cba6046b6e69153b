/** A process with a LevelDB store of its own, for tests that need another one: `level-child.ts hold|fill <path>`. */
import { randomBytes } from 'node:crypto'
import { levelStore } from '../../adapters/level.ts'
import { HoldfastError } from '../../src/error.ts'

const [, , task, path = ''] = process.argv
const store = levelStore(path)

if (task === 'hold') {
  await store.ready()
  console.log('open')
  setInterval(() => {}, 1_000)
} else {
  // Incompressible, so that files grow as fast as they can; few enough that LevelDB does not merge them meanwhile.
  for (let index = 0; index < 30; index++) {
    const id = `record-${index}`
    const outcome = await store
      .commit([{ set: [[id, randomBytes(45_000).toString('base64')]], add: [['ready', id]] }])
      .then(() => 'ok')
      .catch((error: unknown) =>
        error instanceof HoldfastError ? `${error.code} ${error.outcome}` : String(error),
      )
    console.log(`${id} ${outcome}`)
  }
  process.kill(process.pid, 'SIGKILL')
}
