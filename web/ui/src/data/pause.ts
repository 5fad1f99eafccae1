// SPDX-License-Identifier: Apache-2.0

const unanswered = 5 // seconds

/**
 * pause is how many seconds after an answer the same is asked again, 0 for never. Who got
 * none asks again soon, however seldom else, as the message about it says.
 */
export const pause = (every: number, answered: boolean) => (answered ? every : Math.min(every > 0 ? every : unanswered, unanswered))
