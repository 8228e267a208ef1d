/** ELK computes in a worker of its own, so that a large picture does not hold up the page. */
import 'elkjs/lib/elk-worker.min.js'
