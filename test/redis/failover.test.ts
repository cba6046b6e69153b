/** A failover under load: the replica becomes the master, the old master a replica, and clients are sent to the new one. */
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { Load } from './load.ts'
import { Proxy } from './proxy.ts'
import { startServer } from './server.ts'
import { freshNamespace, openStore } from './stage.ts'

const JOBS = 1000

test.concurrent('after a coordinated failover everything acknowledged is there and is run once', async () => {
  await using master = await startServer()
  await using replica = await startServer()
  const [onMaster, onReplica] = [new Redis(master.url), new Redis(replica.url)]
  await onReplica.replicaof('127.0.0.1', master.port)
  await until(async () => /master_link_status:up/.test(await onReplica.info('replication')))
  // What clients know is a name; whoever moves the name cuts nothing that stands.
  await using proxy = await Proxy.to(master.port)
  await using opened = openStore(proxy.port, freshNamespace())
  const { store } = opened
  await using load = new Load()
  load.work(store, 20)
  const adding = load.add(store, 50, (added) => added >= JOBS)
  await load.completed(JOBS / 4)
  await onMaster.call('FAILOVER', 'TO', '127.0.0.1', replica.port)
  await until(async () => /role:master/.test(await onReplica.info('replication')))
  // For a moment writes reach the old master, which refuses them.
  await until(async () => /role:slave/.test(await onMaster.info('replication')))
  proxy.turnTo(replica.port)
  await adding
  await load.drained()
  expect(await load.judge(store)).toEqual([])
  expect(load.figures).toMatchObject({ acknowledged: JOBS, completed: JOBS, repeated: 0 })
  onMaster.disconnect()
  onReplica.disconnect()
})

test.concurrent('a server that is paused, or asleep, is waited for', async () => {
  await using server = await startServer({ 'enable-debug-command': 'yes' })
  await using opened = openStore(server.port, freshNamespace())
  const { store } = opened
  const control = new Redis(server.url)
  await using load = new Load()
  load.work(store, 20)
  const adding = load.add(store, 50, (added) => added >= JOBS)
  await load.completed(JOBS / 10)
  await control.call('CLIENT', 'PAUSE', 300, 'ALL')
  await load.completed(JOBS / 2)
  await control.call('DEBUG', 'SLEEP', '0.3')
  await adding
  await load.drained()
  expect(await load.judge(store)).toEqual([])
  expect(load.figures).toMatchObject({
    acknowledged: JOBS,
    completed: JOBS,
    repeated: 0,
    failed: 0,
    unknown: 0,
  })
  control.disconnect()
})

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 10))
}
