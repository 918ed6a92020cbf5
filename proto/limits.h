/* Every bound, in one place: value, unit, reason. Reaching one is a named
 * refusal that says which, its value and where. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

/* What people hand in. */
#define LIMIT_GRAPH_FILE_BYTES (48u << 20) /* 100,000 tasks are about 20 MB */
#define LIMIT_POLICY_FILE_BYTES (1u << 20)
#define LIMIT_DATA_FILE_BYTES (64u << 20) /* CSV tables, corpora */
#define LIMIT_CODE_FILE_BYTES (32u << 20) /* a candidate's file */
#define LIMIT_WEIGHTS_FILE_BYTES (16ull << 30) /* as an object; twice 8 GB */
#define LIMIT_TEXT_DEPTH 32       /* nesting of YAML or JSON */
#define LIMIT_ID_BYTES 64         /* task ids: [A-Za-z0-9_.-]+ */
#define LIMIT_REF_BYTES 200       /* ref names: parts of [A-Za-z0-9_.-]+ and / */
#define LIMIT_PATH_BYTES 1024     /* one file path in a graph */
#define LIMIT_TASKS 131072        /* per graph; a policy may grant fewer */
#define LIMIT_NEEDS 64            /* dependencies of one task */
#define LIMIT_FILES 256           /* files of one program */
#define LIMIT_ARGV 64             /* words of `run:` */
#define LIMIT_TABLE_ROWS (1u << 20)
#define LIMIT_DATASET_BYTES (1ull << 30) /* of one of its files; of its rows */
#define LIMIT_DATASET_ROWS (1u << 24)
#define LIMIT_DATASET_WIDTH (1u << 20) /* numbers of a row */
#define LIMIT_DATASET_FILES 28u /* of one set: descriptors of a frame, less four */
#define LIMIT_PERMUTE_LEVEL 8u /* 256 blocks that change places */
#define LIMIT_CLASSES 65536u    /* of one set */
#define LIMIT_NOTE_BYTES 200      /* a person's words about a run's inputs */

#define LIMIT_HELD_MIN 30u /* distinct inputs held out: fewer say nothing */

/* Exams (spec: gate section 2). */
#define LIMIT_DRAWS_PER_EXAM (1u << 22)
#define LIMIT_EXHAUSTIVE (1u << 20) /* domains up to here are enumerated */
#define LIMIT_EXAM_DRAWS_MIN 16384u
#define LIMIT_STRATUM_DRAWS_MIN 2048u
#define LIMIT_SHRINK_EVALUATIONS 2000u
#define LIMIT_SHRINK_ROUND 64u /* inputs proposed at once */
#define LIMIT_LISTED 64u /* values of a choice or corpus that shrinking tries */
#define LIMIT_VALUE_BYTES (1u << 20)  /* one drawn or answered value */
#define LIMIT_BATCH_BYTES (4u << 20)  /* values of one batch, either way */
#define LIMIT_BATCH_VALUES 10240u /* two batches for an exam of the usual size,
    its repeats included: a fresh process costs as much as 8,000 answers */
#define LIMIT_CHUNK_DRAWS 32768u      /* drawn, asked and compared at once: a
    usual exam is one, so that its evaluations run side by side */
#define LIMIT_LITERALS 4096u          /* of a candidate's files, per list */
#define LIMIT_LITERAL_BYTES 1024u     /* one text among them */
#define LIMIT_LITERAL_DRAWS 16384u    /* no more than double an exam */
#define LIMIT_ULPS (1u << 20)         /* half the digits of an f64 are gone */
#define LIMIT_BURNT 64u               /* counterexamples disclosed per exam */

/* Messages. */
#define LIMIT_FRAME_BYTES (64u << 20) /* one message; per kind see msg.def */
#define LIMIT_FRAME_FDS 32
#define LIMIT_DECODED_BYTES (512u << 20) /* memory of one decoded message: an
    empty sub-message is two bytes on the wire and a struct in memory */
#define LIMIT_WORKER_TEXT 4096u       /* stderr tail kept of a program */
#define LIMIT_EVALUATIONS 16u /* asked by a client at once: both ends buffer them */

/* Store and ledger. */
#define LIMIT_RECORD_BYTES 65535u     /* an entry of a tlog-tiles bundle */
#define LIMIT_OBJECT_BYTES (16ull << 30) /* streamed, never held whole */
#define LIMIT_HELD_BYTES (1ull << 30) /* an object that is read into memory */
#define LIMIT_BATCH_RECORDS 4096u     /* records under one signature */
#define LIMIT_WAL_BATCH_BYTES (8u << 20) /* and bytes: what a reader holds */
#define LIMIT_SEGMENT_BYTES (64u << 20) /* write-ahead segment before rolling */
#define LIMIT_SNAPSHOT_RECORDS 65536u /* at most this tail is folded at start */
#define LIMIT_SNAPSHOT_BATCHES 16384u /* and roots computed, about 5 us each */
#define LIMIT_SEED_CHAIN (1u << 20)   /* exams in the life of one store */

/* CML artifacts. */
#define LIMIT_CML_NODES (1u << 20)      /* of one artifact */
#define LIMIT_CANDIDATE_NODES 4096u    /* of a unit that sits an exam */
#define LIMIT_BRANCHES 1024u           /* of it: 16 questions per chunk of draws */
#define LIMIT_BRANCH_DRAWS 300u        /* each is wanted to be reached by: 1 % at 95 % */
#define LIMIT_HUNT (1u << 16)          /* further inputs looked at for that */
#define LIMIT_RELATIONS 8u             /* of one exam */
#define LIMIT_RELATION_NAME 40u        /* characters: it stands in a reason */
#define LIMIT_RELATION_DRAWS 1024u     /* each is tried on */
#define LIMIT_CML_NODE_BYTES (8u << 20) /* canonical bytes of one node */
#define LIMIT_CML_DAG_BYTES (512u << 20) /* all of them in a worker's memory */
#define LIMIT_CML_HEIGHT 1024u /* nesting; what walks a DAG may recurse so deep */
#define LIMIT_CML_TEXT_BYTES (4u << 20) /* a source file */
#define LIMIT_CML_BUNDLE_BYTES (15u << 20) /* of a candidate: one message */
#define LIMIT_CML_TERMS (1u << 16) /* written out, of one looked into */
#define LIMIT_CML_MUTANTS 64u      /* bits of one answer */
#define LIMIT_PROBE_INPUTS 4096u   /* found by search, for one exam */
#define LIMIT_PROBE_BYTES (1u << 20) /* all of them */
#define LIMIT_CML_REFS 256u /* that one unit names, with all that they lead to */
#define LIMIT_CML_LINK_ROUNDS 64u /* and one behind the other */
#define LIMIT_CML_FUEL (1u << 20) /* of one input of a batch: a quarter of a second
    in the reference interpreter, so that it comes before limits.cpu */

/* Grammars. */
#define LIMIT_AUTOMATON_BYTES (1u << 20) /* of one network: it travels with a lane */
#define LIMIT_AUTOMATON_STATES 65535u    /* two bytes name one */
#define LIMIT_GRAMMAR_TEXT_BYTES (1u << 20)

/* Lanes of models. */
#define LIMIT_PROMPT_BYTES (4u << 20)  /* UTF-8, facts apart */
#define LIMIT_LANE_TOKENS 65536u       /* of one text, positions of one lane */
#define LIMIT_LANE_TEXT_BYTES (8u << 20) /* of one text */
#define LIMIT_TOKEN_BYTES 1024u        /* that one token writes */
#define LIMIT_VOCAB (1u << 20)         /* tokens that a model may know */
#define LIMIT_LAYERS 256u              /* of a model */
#define LIMIT_CHOICES 256u             /* continuations that are scored */
#define LIMIT_STOPS 16u                /* strings that end a text */
#define LIMIT_STOP_BYTES 256u          /* one of them */
#define LIMIT_FACTS 32u                /* in one prompt */
#define LIMIT_LANE_TRAPS 64u           /* of one lane */
#define LIMIT_LANE_REPAIRS 8u          /* further tries */
#define LIMIT_DRAFT_TOKENS 15u         /* verified in one pass: each lane has room
    for the logits of so many, and one more */
#define LIMIT_QUANTUM 256u             /* passes between two looks of the kernel */
#define LIMIT_LANES 256u               /* of one run at once */
#define LIMIT_LANES_TOGETHER 8u        /* that share one pass */
#define LIMIT_LANE_RESTARTS 3u         /* after a worker was lost */
#define LIMIT_LANE_BYTES (4ull << 30)  /* state of one lane */
#define LIMIT_PARK_EXTENTS 4096u       /* of one lane at rest; then it is written whole */

/* Training. */
#define LIMIT_FOLDS 1024u
#define LIMIT_COMBINED 16u /* weights that one file is made of, all read at once */

/* Workers. */
#define LIMIT_WORKERS 64 /* alive at once, whatever the policy says */
#define LIMIT_UIDS 2048u /* of its own, that one kernel needs for its workers */

#endif
