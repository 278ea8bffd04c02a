# Scikit-learn's part of ../short-texts.ts: reads {train, choice, test}, chooses C and min_df, and prints a line of JSON.
import json
import sys

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

with open(sys.argv[1]) as file:
    parts = json.load(file)


def judge(learned, judged, c, min_df):
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=min_df, sublinear_tf=True)
    # LogisticRegression takes twenty times as long and was a point behind.
    model = make_pipeline(words, LinearSVC(C=c, dual=True, random_state=0))
    model.fit([each["text"] for each in learned], [each["label"] for each in learned])
    return model.score([each["text"] for each in judged], [each["label"] for each in judged])


best = (0,)
for c in (0.1, 0.3, 1, 3):
    for min_df in (1, 2):
        accuracy = judge(parts["train"], parts["choice"], c, min_df)
        print(f"C={c}, min_df={min_df}: {accuracy}", file=sys.stderr, flush=True)
        best = max(best, (accuracy, c, min_df))
_, c, min_df = best
accuracy = judge(parts["choice"] + parts["train"], parts["test"], c, min_df)
program = f"scikit-learn's `LinearSVC`, the best of 8: C {c}, min_df {min_df}"
print(json.dumps({"program": program, "accuracy": accuracy}))
