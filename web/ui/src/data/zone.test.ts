// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'

import { called } from './zone'

it.each([
  ['Etc/GMT-11', 'UTC+11'],
  ['Etc/GMT+3', 'UTC−3'],
  ['Europe/Berlin', 'Europe/Berlin'],
  ['UTC', 'UTC'],
])('the zone %s is called %s', (zone, want) => expect(called(zone)).toBe(want))
