// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'

import { pause } from './pause'

it.each([
  [0, true, 0],
  [60, true, 60],
  [0, false, 5], // what is asked once is asked again until somebody answers
  [60, false, 5],
  [2, false, 2],
])('each %d s, answered: %s, is asked again after %d s', (every, answered, want) => expect(pause(every, answered)).toBe(want))
