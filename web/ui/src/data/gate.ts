// SPDX-License-Identifier: Apache-2.0

// What must hold before a detector says anything, in a sentence each; docs/detectors.md has
// all of it.

const sentences: Record<string, string> = {
  flood: 'Traffic that nobody asked for must exceed a limit: of packets per second (10 000, or twice the past of the device plus three deviations) or of unanswered connections (100 a second), for one second at three times the limit, for up to a minute just over it.',
  webflood: 'Requests or held connections must be many, several times as many as usual, and alike or too many for each source: a crowd of people is neither.',
  dnsflood: 'At least 1 000 questions a second must arrive, five times the usual, most of them short or without an answer.',
  exhaustion: 'At least 1 000 connections must be held open with nothing going on, several times as many as usual.',
  exfil: 'The main destination must be new to the device and used by at most two devices, or the upload lies over three deviations and over the 99th percentile of the device itself. Without a past it must exceed 1 GB.',
  slow: 'One network outside must get more than its past explains on several days within weeks, and together it must be much.',
  volume: 'The traffic must lie farther from what is usual at that hour of the week than the calibrated limit of this device allows.',
  outage: 'It must have been silent for longer than is usual at that hour.',
  peers: 'The new peers of a day must weigh over 5, carry over 10 MB, and be more than the usual news of the device explains.',
  ports: 'More than 10 services must be used or offered for the first time on one day, over three deviations more than usual, and carry over 1 MB together.',
  upload: 'Sent over received must exceed 5 and twice what the past of the device allows, with over 50 MB sent.',
  offhours: 'At least 5 MB within five minutes, at an hour at which the device never worked.',
  scan: 'So many hosts, ports or logins must be tried in vain within minutes, hours or a day that no ordinary program does it.',
  beacon: 'At least 16 calls with alike intervals, or one connection that has been open for an hour or more.',
  tunnel: 'At least 50 long questions to name servers, or 30 echo messages larger than pings, more than names or pings explain.',
  character: 'A device of few habits, known for a week, must use a service that it and those like it never used.',
  threat: 'One end of the traffic must stand on a threat list.',
}

/** gate is the sentence about a detector; empty when there is none. */
export const gate = (detector: string) => sentences[detector] ?? ''
