import type { RecordingHeader } from '../../src/recording/format.ts';

export const HEADER: RecordingHeader = {
  memtoolRecording: 1,
  name: 'orders-api',
  pid: 4242,
  nodeVersion: 'v20.20.2',
  startedAt: '2026-01-31T12:00:00.000Z',
  intervalMs: 1000,
  memtoolVersion: '0.1.0',
  hostname: 'here',
};
