// SPDX-License-Identifier: Apache-2.0

// Package window keeps, in bounded memory, what is known of every device: one-
// second bins for the busy ones, minutes and hours for all, and the uploads of
// those that send data out. Volumes are spread over each flow's own duration,
// so a flow exported after a minute is a minute of steady traffic and no spike.
//
// A Tracker is one owner shard: one goroutine adds batches and ticks it, so it
// needs no lock. It reads no clock; time is the highest Received of the batches
// and the seconds that its owner ticks.
//
// What is bounded, and what is lost then (each loss has a counter in Losses):
//
//   - devices: Config.MaxDevices; at the bound of a sample one is forgotten
//     that was met within ten minutes and never sent anything, else the longest idle; the
//     newcomer is ignored when none was idle for ten minutes.
//   - busy devices (seconds): Config.MaxHot; a newcomer takes the place of one
//     that is four times quieter, else it has minutes only. When 64 newcomers in
//     one second found none, only busier ones look for one until the next.
//   - blocks of addresses: Config.MaxPrefixes; at the bound a newcomer takes the
//     place of the quieter of two, whose count of the running ten seconds is lost.
//   - prefixes with seconds: Config.MaxHotPrefixes; as with busy devices.
//   - uploading devices: Config.MaxUploads; the longest idle is forgotten.
//   - devices with contacts: Config.MaxContacts; a newcomer must wait for the hour's end.
//   - devices with attempts in vain: Config.MaxProbes, and as many that others outside
//     try; the longest idle of a sample is forgotten, or the newcomer refused when none
//     was idle for ten minutes. Of each the most tried ports and peers are kept, eight of
//     a span; the rest is sketched (6.5 %).
//   - seconds reach back RingSeconds; an older share of a flow goes to minutes,
//     older than eight minutes to hours, older than two hours to nothing but a counter.
//   - devices that were once lively (over 10 inbound flows or 1 000 packets in a second)
//     have a close-up beside their seconds; what it samples and forgets stands with
//     closeup, sources, reservoir and known.
//   - distinct counts are exact up to 16 and then estimates with an error of
//     about 3.3 % (HyperLogLog, 1024 registers: 1.04/sqrt(1024)); top lists are
//     Space-Saving summaries.
package window
