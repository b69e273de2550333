/**
 * Gives the thread that loads this file a low priority: where processors are scarce, requests come before composition and
 * planning. It must be loaded before anything that is heavy. Clock: the process.
 */
import { getPriority, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';

/** It gets a tenth of what the main thread gets, where both want one processor. */
const niceness = 10;

// On Linux a thread has a priority of its own; elsewhere this would be that of the whole process.
if (process.platform === 'linux' && !isMainThread) {
  try {
    if (getPriority() < niceness) setPriority(niceness);
  } catch {
    // A sandbox may forbid it: then planning is in the way of requests a little more.
  }
}
