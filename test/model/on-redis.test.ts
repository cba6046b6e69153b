/** The model test on Redis; a file for each store, so that they run beside each other. There are no epochs, so nothing is `recovered`. */
import { describe } from 'vitest'
import { testModel } from './floors.ts'
import { redisDisk } from './harness.ts'

describe('on Redis', () => testModel(redisDisk, 30, 0.02))
