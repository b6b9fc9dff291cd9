/** What is known of the programs in test/fixtures/truth, each of which says in its first line what it does. */
export interface Truth {
  file: string;
  expected: 'leak' | 'no leak';
  /**
   * The functions that allocate what the program holds, and those they are called by: of a function that V8 compiled into
   * its caller, the sampler shows the caller. The stack of the leak must contain one of them; of a program without a leak
   * they only say which row to show.
   */
  where: readonly string[];
}

/** In traffic.js: for what also keeps (a part of) the request itself. */
const TRAFFIC = ['receive', 'dispatch', 'arrive'];

export const TRUTH: readonly Truth[] = [
  { file: 'emitter-listeners.js', expected: 'leak', where: ['subscribe', 'quote'] },
  { file: 'pending-replies.js', expected: 'leak', where: ['call', 'reserveStock'] },
  { file: 'forgotten-heartbeats.js', expected: 'leak', where: ['connect', 'accept'] },
  { file: 'unsettled-promises.js', expected: 'leak', where: ['forOrder', 'recommend', 'suggest', ...TRAFFIC] },
  { file: 'audit-log.js', expected: 'leak', where: ['record', 'changeOrder'] },
  { file: 'outbox.js', expected: 'leak', where: ['queueMessage', 'publish'] },
  { file: 'upload-queue.js', expected: 'leak', where: ['enqueue', 'archive'] },
  { file: 'trace-spans.js', expected: 'leak', where: ['startSpan', 'poll'] },
  { file: 'race-shutdown.js', expected: 'leak', where: ['query', 'listLines', 'findLines'] },
  { file: 'slow-leak.js', expected: 'leak', where: ['remember', 'createOrder', ...TRAFFIC] },
  { file: 'late-leak.js', expected: 'leak', where: ['keepForUndo', 'editOrder'] },
  { file: 'uneven-leak.js', expected: 'leak', where: ['createProfile', 'showProfile'] },
  { file: 'error-path.js', expected: 'leak', where: ['begin', 'placeOrder'] },
  { file: 'catalog-cache.js', expected: 'no leak', where: ['load'] },
  { file: 'lru-cache.js', expected: 'no leak', where: ['renderPage', 'showPage'] },
  { file: 'hot-cache.js', expected: 'no leak', where: ['buildTimeline', 'timelineOf', 'showTimeline'] },
  { file: 'random-eviction.js', expected: 'no leak', where: ['compile', 'renderTemplate'] },
  { file: 'ttl-cache.js', expected: 'no leak', where: ['lookUp', 'customerOf', 'showCustomer'] },
  { file: 'batch-import.js', expected: 'no leak', where: ['collect', 'importOrder'] },
  { file: 'slow-batch.js', expected: 'no leak', where: ['add', 'addOrder'] },
  { file: 'connection-pool.js', expected: 'no leak', where: ['open'] },
  { file: 'report-server.js', expected: 'no leak', where: ['buildReport', 'startReport', 'loadAccount'] },
  { file: 'session-store.js', expected: 'no leak', where: ['logIn', 'visit'] },
  { file: 'request-metrics.js', expected: 'no leak', where: ['createHistogram', 'observe', 'measured'] },
  { file: 'memoize.js', expected: 'no leak', where: ['computeRoute', 'planRoute'] },
  { file: 'rolling-window.js', expected: 'no leak', where: ['observe', 'timed'] },
  { file: 'config-reload.js', expected: 'no leak', where: ['loadRules'] },
  { file: 'http-api.js', expected: 'no leak', where: ['handle', 'post'] },
];
